namespace Edge.Llm.Models.Architectures;

/// <summary>The keys of mixtures of experts.</summary>
internal sealed partial class Keys
{
    private const int MaxWidth = 1 << 22, MaxExperts = 1 << 12;

    /// <summary>Experts of a layer; 0 where there are none.</summary>
    public int ExpertCount => Count("expert_count", MaxExperts, 0);

    /// <summary>Layers before the first with experts.</summary>
    public int LeadingDense => Count("leading_dense_block_count", 1 << 12, 0);

    /// <summary>expert_feed_forward_length of a layer.</summary>
    public int ExpertWidth(int il) => Count(il, "expert_feed_forward_length", MaxWidth) is > 0 and int width
        ? width : throw Invalid("expert_feed_forward_length", "at least 1", "0");

    /// <summary>expert_feed_forward_length, or a dense network's width shared among the used experts.</summary>
    public int ExpertWidthOrShare(int il) =>
        IsSet("expert_feed_forward_length") ? ExpertWidth(il) : Math.Max(1, FeedForwardLength(il) / Count(il, "expert_used_count", MaxExperts));

    /// <summary>Width of the shared expert: a key of its own, or the fallback.</summary>
    public int SharedWidth(int il, int fallback) => Count(il, "expert_shared_feed_forward_length", MaxWidth, fallback);

    /// <summary>Shared experts; together they are one, as many times as wide.</summary>
    public int SharedCount => Count("expert_shared_count", MaxExperts, 0);

    /// <summary>How a layer chooses experts, gated as the file says, or as <paramref name="absent"/>, which may be null: the file must say.</summary>
    public RouterConfig Router(int il, Gating? absent)
    {
        const string Key = "expert_gating_func";
        int gating = Count(Key, 4, 0);
        if (gating == 0) gating = (int)(absent ?? throw Invalid(Key, "1 to 4", "none"));
        return Router(il, (Gating)gating, Flag("expert_weights_norm", false)) with { Scale = NonNegative("expert_weights_scale", 1) };
    }

    /// <summary>How a layer chooses experts.</summary>
    public RouterConfig Router(int il, Gating gating, bool normalize)
    {
        int count = Count("expert_count", MaxExperts), used = Count(il, "expert_used_count", count), groups = Count("expert_group_count", count, 1);
        if (used == 0) throw Invalid("expert_used_count", "at least 1", "0");
        if (count % groups != 0) throw Invalid("expert_group_count", $"a divisor of {count} experts", $"{groups}");
        int groupsUsed = groups == 1 ? 1 : Count("expert_group_used_count", groups, groups);
        if (groupsUsed * (count / groups) < used) throw Invalid("expert_group_used_count", $"groups of {used} experts at least", $"{groupsUsed}");
        return new RouterConfig { Count = count, Used = used, Gating = gating, Normalize = normalize, Groups = groups, GroupsUsed = groupsUsed };
    }
}
