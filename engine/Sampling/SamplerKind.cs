namespace Edge.Llm;

/// <summary>A step on the way from logits to a token. The names are llama.cpp's.</summary>
public enum SamplerKind
{
    /// <summary>penalties: repeat, presence and frequency penalty.</summary>
    Penalties,

    /// <summary>dry: <see cref="SamplingOptions.DryMultiplier"/> and what belongs to it.</summary>
    Dry,

    /// <summary>top_n_sigma: <see cref="SamplingOptions.TopNSigma"/>.</summary>
    TopNSigma,

    /// <summary>top_k: <see cref="SamplingOptions.TopK"/>.</summary>
    TopK,

    /// <summary>typ_p: <see cref="SamplingOptions.TypicalP"/>.</summary>
    TypicalP,

    /// <summary>top_p: <see cref="SamplingOptions.TopP"/>.</summary>
    TopP,

    /// <summary>min_p: <see cref="SamplingOptions.MinP"/>.</summary>
    MinP,

    /// <summary>xtc: <see cref="SamplingOptions.XtcProbability"/>.</summary>
    Xtc,

    /// <summary>temperature: <see cref="SamplingOptions.Temperature"/>, and its range.</summary>
    Temperature,
}
