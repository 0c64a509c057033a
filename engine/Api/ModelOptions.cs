namespace Edge.Llm;

/// <summary>How a model file is opened.</summary>
public sealed record ModelOptions
{
    /// <summary>Map the file (default); otherwise read it into owned memory, which nobody else can change.</summary>
    public bool UseMmap { get; init; } = true;

    /// <summary>Lock its bytes in physical memory.</summary>
    public bool Lock { get; init; }

    /// <summary>Replaces the file's base of the rotary frequencies.</summary>
    public float? RopeFreqBase { get; init; }

    /// <summary>Replaces the file's factor on positions (1 / scaling factor).</summary>
    public float? RopeFreqScale { get; init; }

    /// <summary>Layers for a device, in each context of the model; null: all run on the CPU.</summary>
    public OffloadOptions? Offload { get; init; }

    /// <summary>Values that take the place of the file's metadata, as llama.cpp's --override-kv does.</summary>
    public IReadOnlyList<MetadataOverride> Overrides { get; init; } = [];
}
