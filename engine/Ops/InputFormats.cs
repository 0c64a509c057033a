using Edge.Llm.Kernels;

namespace Edge.Llm.Ops;

/// <summary>The packed forms in which weights read their input. Each weight states its own once, when a model is opened, so that
/// an input can be packed while it is made.</summary>
[Flags]
internal enum InputFormats
{
    /// <summary>Floats, where they are.</summary>
    None = 0,

    /// <summary>Quantized for the K-quants.</summary>
    Q8_K = 1,

    /// <summary>Quantized for blocks of 32.</summary>
    Q8_32 = 2,
}

/// <summary>What formats of weights say about their input.</summary>
internal static class InputFormatsOf
{
    /// <summary>The packed form that weights of a type read.</summary>
    public static InputFormats Type(GgmlType type) => KernelTable.FindFormat(type)!.Activation switch
    {
        ActivationFormat.Q8_K => InputFormats.Q8_K,
        ActivationFormat.Q8_32 => InputFormats.Q8_32,
        _ => InputFormats.None,
    };
}
