namespace Edge.Llm;

/// <summary>Which layers of a model run on a device, and by which plug-in.</summary>
public sealed record OffloadOptions
{
    /// <summary>The name that stands for whichever plug-in is found; see <see cref="OffloadPlugins.Find()"/>.</summary>
    public const string Auto = "auto";

    /// <summary>The plug-in's library, or <see cref="Auto"/>.</summary>
    public string Plugin { get; init; } = Auto;

    /// <summary>Layers for the device, counted from the end; the output matrix is one more, the first to go (n_gpu_layers). -1: as many as the
    /// device takes and has memory for.</summary>
    public int Layers { get; init; } = -1;

    /// <summary>Whether keys and values of these layers lie on the device, too; otherwise attention stays the host's (offload_kqv).</summary>
    public bool Kqv { get; init; } = true;

    /// <summary>Numbers of the plug-in's devices; empty: its first one.</summary>
    public IReadOnlyList<int> Devices { get; init; } = [];

    /// <summary>Shares of the layers for each of <see cref="Devices"/>; empty: by their free memory, or
    /// equal ones where a device does not say it.</summary>
    public IReadOnlyList<double> Split { get; init; } = [];

    /// <summary>Whether a device must give the CPU's own bits, which it proves by a self-test. Otherwise results may differ from the CPU's.</summary>
    public bool Exact { get; init; } = true;

    /// <summary>Is told what became of the wish, for each context; null: nobody is.</summary>
    public Action<OffloadReport>? Report { get; init; }

    /// <summary>Is told in a line, for each context, that a device has failed and its layers run on the CPU; on the thread of the next call that needs
    /// them. Null: nobody is.</summary>
    public Action<string>? Lost { get; init; }

    /// <summary>Whether <see cref="Auto"/> takes a device: a GPU, exact unless <see cref="Exact"/> is false.</summary>
    public bool TakesUnasked(OffloadDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device is { Error: null, Kind: OffloadDeviceKind.DiscreteGpu or OffloadDeviceKind.SharedMemoryGpu } && (device.IsExact || !Exact);
    }

    /// <summary>Throws unless every value is in range.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public void Check()
    {
        if (Plugin.Length == 0) throw Invalid($"{nameof(Plugin)}: expected a library or {Auto}, found an empty name");
        if (Layers < -1) throw Invalid($"{nameof(Layers)}: expected -1 or more, found {Layers}");
        if (Devices.Count > 64 || Devices.Any(device => device < 0)) throw Invalid($"{nameof(Devices)}: expected at most 64 numbers of 0 or more");
        if (Devices.Distinct().Count() != Devices.Count) throw Invalid($"{nameof(Devices)}: expected each number once");
        if (Split.Count == 0) return;
        int count = Math.Max(1, Devices.Count);
        if (Split.Count != count) throw Invalid($"{nameof(Split)}: expected {count} shares, one for each device, found {Split.Count}");
        if (Split.Any(share => !(share >= 0 && double.IsFinite(share))) || Split.Sum() <= 0)
            throw Invalid($"{nameof(Split)}: expected shares of 0 or more, not all 0");
    }

    private static EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidArgument, message);
}

/// <summary>A device of a plug-in.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="Driver">Its driver.</param>
/// <param name="Kind">What it is.</param>
/// <param name="TotalBytes">Bytes of its memory; 0: not known.</param>
/// <param name="FreeBytes">Bytes that are free.</param>
/// <param name="IsExact">Whether a self-test has shown that it can give the CPU's bits.</param>
/// <param name="Note">Why it is not exact, or of no use; else empty.</param>
public sealed record OffloadDevice(
    int Number, string Name, string Driver, OffloadDeviceKind Kind, long TotalBytes, long FreeBytes, bool IsExact, string Note)
{
    /// <summary>What the plug-in says instead of all this: the device cannot be used; null: it can.</summary>
    public string? Error { get; init; }
}

/// <summary>What a device is.</summary>
public enum OffloadDeviceKind
{
    /// <summary>Something else.</summary>
    Other,

    /// <summary>A GPU with memory of its own.</summary>
    DiscreteGpu,

    /// <summary>A GPU that shares the host's memory.</summary>
    SharedMemoryGpu,

    /// <summary>A processor, this one perhaps.</summary>
    Processor,
}

/// <summary>Layers that run on a device.</summary>
/// <param name="Plugin">The plug-in's name and version.</param>
/// <param name="Device">The device.</param>
/// <param name="FirstLayer">The first of them.</param>
/// <param name="Layers">How many.</param>
/// <param name="HasOutput">Whether the output matrix is there as well.</param>
/// <param name="IsExact">Whether results have the CPU's bits.</param>
/// <param name="Bytes">Memory of the device that was planned for them: weights, cache and workspace.</param>
public sealed record OffloadedStage(string Plugin, OffloadDevice Device, int FirstLayer, int Layers, bool HasOutput, bool IsExact, long Bytes)
{
    /// <summary>Whether they are layers of the model that drafts.</summary>
    public bool IsDraft { get; init; }

    /// <summary>Of these layers, those whose feed-forward network the CPU computes.</summary>
    public int HostNetworks { get; init; }
}

/// <summary>What became of the wish to run layers on a device.</summary>
/// <param name="Stages">The layers that do, in their order.</param>
/// <param name="Note">Why they are fewer than asked for, or not exact; null: they are not.</param>
public sealed record OffloadReport(IReadOnlyList<OffloadedStage> Stages, string? Note)
{
    /// <summary>Layers on devices, the output matrix counted as one.</summary>
    public int Layers => Stages.Sum(stage => stage.Layers + (stage.HasOutput ? 1 : 0));

    /// <summary>Whether all results have the CPU's bits.</summary>
    public bool IsExact => Stages.All(stage => stage.IsExact);

    /// <summary>A line for each stage, and the note.</summary>
    public IEnumerable<string> Lines()
    {
        foreach (OffloadedStage stage in Stages)
        {
            string output = stage.HasOutput ? "the output matrix" : "", layers = stage.Layers switch
            {
                0 => "",
                1 => $"layer {stage.FirstLayer}",
                _ => $"layers {stage.FirstLayer} to {stage.FirstLayer + stage.Layers - 1}",
            };
            string what = layers.Length > 0 && output.Length > 0 ? $"{layers} and {output}" : layers + output;
            string where = $"{stage.Device.Name} ({stage.Plugin}, device {stage.Device.Number})";
            string whose = stage.IsDraft ? " of the draft model" : "", doubt = stage.IsExact ? "" : ", results may differ from the CPU's";
            string host = stage.HostNetworks switch
            {
                0 => "",
                1 => ", the network of 1 layer on the CPU",
                _ => $", the networks of {stage.HostNetworks} layers on the CPU",
            };
            yield return $"offload: {what}{whose} on {where}, {stage.Bytes >> 20} MiB{host}{doubt}";
        }
        if (Stages.Count == 0) yield return $"offload: all layers stay on the CPU{(Note is null ? "" : $": {Note}")}";
        else if (Note is not null) yield return $"offload: {Note}";
    }

    /// <summary>With the layers of the model that drafts.</summary>
    internal OffloadReport With(OffloadReport? draft)
    {
        if (draft is null) return this;
        string? note = draft.Note is null ? Note : $"{(Note is null ? "" : Note + "; ")}the draft model: {draft.Note}";
        return new OffloadReport([.. Stages, .. draft.Stages.Select(stage => stage with { IsDraft = true })], note);
    }
}
