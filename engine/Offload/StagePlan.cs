namespace Edge.Llm.Offload;

/// <summary>What a plug-in says of a description before it takes it.</summary>
/// <param name="FirstLayer">The first layer that it takes, with all behind it, as a number of the description's.</param>
/// <param name="TakesOutput">Whether it takes the output matrix.</param>
/// <param name="IsExact">Whether it gives the CPU's bits.</param>
/// <param name="FixedBytes">Memory besides layers and output.</param>
/// <param name="OutputBytes">Memory of the output matrix.</param>
/// <param name="LayerBytes">Memory of each layer.</param>
/// <param name="Reason">Why it does not take all.</param>
internal sealed record StagePlan(int FirstLayer, bool TakesOutput, bool IsExact, long FixedBytes, long OutputBytes, long[] LayerBytes, string Reason)
{
    /// <summary>Memory of what it takes.</summary>
    public long Bytes => FixedBytes + (TakesOutput ? OutputBytes : 0) + LayerBytes.Skip(FirstLayer).Sum();

    /// <summary>Asks a plug-in.</summary>
    /// <exception cref="EdgeLlmException">PluginError.</exception>
    public static unsafe StagePlan Ask(Plugin plugin, int device, StageDescription description)
    {
        using var arena = new Arena();
        var plan = new AbiPlan
        {
            StructSize = (uint)sizeof(AbiPlan), Verdicts = arena.Array<byte>(description.Desc->TensorCount),
            LayerBytes = arena.Array<ulong>(description.LayerCount),
        };
        AbiError error = Plugin.NewError();
        int status = plugin.Table->Plan(device, description.Desc, &plan, &error);
        string reason = Plugin.TextOf(status == 0 ? plan.Reason : error.Text, 256);
        if (reason.Length == 0) reason = $"{plugin.Name} does not take more, and does not say why";
        if (status == Abi.Unsupported) return new StagePlan(description.LayerCount, false, false, 0, 0, new long[description.LayerCount], reason);
        plugin.Check(status, error);
        if (plan.FirstLayer < 0 || plan.FirstLayer > description.LayerCount)
            throw new EdgeLlmException(
                ErrorCode.PluginError, $"{plugin.Name}: it takes layers from {plan.FirstLayer} on: expected 0 to {description.LayerCount}");
        var bytes = new long[description.LayerCount];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (long)Math.Min(plan.LayerBytes[i], long.MaxValue >> 16);
        return new StagePlan(plan.FirstLayer, description.HasOutput && plan.TakesOutput == 1, plan.Exact == 1,
            (long)Math.Min(plan.FixedBytes, long.MaxValue >> 16), (long)Math.Min(plan.OutputBytes, long.MaxValue >> 16), bytes, reason);
    }
}
