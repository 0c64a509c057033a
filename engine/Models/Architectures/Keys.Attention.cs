namespace Edge.Llm.Models.Architectures;

/// <summary>The keys of attention: heads and windows.</summary>
internal sealed partial class Keys
{
    /// <summary>Query heads of a layer; 0 where it has no attention.</summary>
    public int HeadCount(int il) => Count(il, "attention.head_count", 1 << 12, 0);

    /// <summary>Heads of keys and values of a layer; 0 where it keeps none.</summary>
    public int HeadCountKv(int il) => Has("attention.head_count_kv") ? Count(il, "attention.head_count_kv", 1 << 12) : HeadCount(il);

    /// <summary>A layer's attention; without a type, without a rotary embedding.</summary>
    public AttentionConfig Attention(int il, RopeType? type) => Attention(il, type, "");

    /// <summary>The same in layers with a window, whose heads have lengths of their own.</summary>
    public AttentionConfig WindowAttention(int il, RopeType? type) => Attention(il, type, "_swa") with { Window = Window() };

    private AttentionConfig Attention(int il, RopeType? type, string suffix)
    {
        int headCount = HeadCount(il), headCountKv = HeadCountKv(il);
        if (headCount == 0) throw Invalid("attention.head_count", "at least 1", "0");
        if (headCountKv == 0 || headCount % headCountKv != 0) throw Invalid("attention.head_count_kv", $"a divisor of {headCount} query heads", $"{headCountKv}");
        int keyLength = HeadLength("attention.key_length" + suffix);
        return new AttentionConfig
        {
            HeadCount = headCount,
            HeadCountKv = headCountKv,
            KeyLength = keyLength,
            ValueLength = HeadLength("attention.value_length" + suffix),
            Scale = 1 / MathF.Sqrt(keyLength),
            Rope = type is { } pairs ? Rope(pairs, keyLength, "rope.dimension_count" + suffix) : null,
        };
    }

    /// <summary>attention.sliding_window; int.MaxValue where there is none.</summary>
    public int Window(int fallback = int.MaxValue) => Count("attention.sliding_window", 1 << 30, fallback);

    /// <summary>Whether a layer has the window: by an array in the file, or in all but each n-th layer, n a number in the file or the
    /// architecture's. <paramref name="fullFirst"/>: the first of n has none, not the last.</summary>
    public bool HasWindow(int il, int pattern, bool fullFirst = false)
    {
        const string Key = "attention.sliding_window_pattern";
        if (Metadata.TryGet(Full(Key), out GgufValue value))
        {
            if (value.TryGetArray(out GgufArray array)) return Flags(Key, array)[il];
            pattern = InRange(Key, Metadata.GetInt32(Full(Key)), 0, 1 << 12);
        }
        return pattern == 0 || (il % pattern != (fullFirst ? 0 : pattern - 1));
    }

    /// <summary>A flag a layer.</summary>
    public bool FlagOf(int il, string key) => Flags(key, Metadata.GetArray(Full(key)))[il];

    /// <summary>Values of a head that rotate in latent attention.</summary>
    public int LatentRopeLength => Count("rope.dimension_count", 1 << 12);

    /// <summary>Latent attention. Where queries go to the latent vector (absorbed), keys of their own tell the lengths of heads.</summary>
    public LatentConfig LatentAttention(bool absorbed, RopeConfig? rope)
    {
        string suffix = absorbed ? "_mla" : "";
        int key = Count("attention.key_length" + suffix, 1 << 12), rotated = LatentRopeLength;
        if (rotated >= key) throw Invalid("rope.dimension_count", $"less than the {key} values of a head", $"{rotated}");
        return new LatentConfig
        {
            HeadCount = Count(0, "attention.head_count", 1 << 12) is > 0 and int heads ? heads : throw Invalid("attention.head_count", "at least 1", "0"),
            Rank = Count("attention.kv_lora_rank", 1 << 16),
            NopeLength = key - rotated,
            RopeLength = rotated,
            ValueLength = Count("attention.value_length" + suffix, 1 << 12),
            Scale = 1 / MathF.Sqrt(key),
            Rope = rope,
        };
    }

    /// <summary>A factor on queries by their position, if the file has one.</summary>
    public Temperature? Temperature(int offset, int length) =>
        NonNegative("attention.temperature_scale", 0) is > 0 and float scale ? new Temperature(scale, offset, length) : null;

    private int HeadLength(string key)
    {
        if (IsSet(key)) return Count(key, 1 << 12);
        int embd = EmbeddingLength, heads = HeadCount(0);
        return heads > 0 && embd % heads == 0 ? embd / heads : throw Invalid("attention.head_count", $"a divisor of the embedding length {embd}", $"{heads}");
    }

    private bool[] Flags(string key, GgufArray array)
    {
        OnePerLayer(key, array);
        return array.ElementType == GgufValueType.Bool ? array.GetBools() : Array.ConvertAll(array.GetInt32s(), value => value != 0);
    }
}
