namespace Edge.Llm.Sampling;

/// <summary>The stages that options ask for, in their order.</summary>
internal static class SamplerStages
{
    /// <summary>Makes them. Those that would change nothing are left out.</summary>
    public static ISamplerStage[] Of(SamplingOptions options, int vocabularySize, DryBreakers breakers)
    {
        var stages = new List<ISamplerStage>();
        if (options.LogitBias is { Count: > 0 } bias) stages.Add(new LogitBias(bias));
        if (options.Mirostat != 0)
        {
            stages.Add(TemperatureOf(options));
            stages.Add(new Mirostat(options.Mirostat, options.MirostatTau, options.MirostatEta, vocabularySize));
            return [.. stages];
        }
        // The likeliest token stays the likeliest, whatever leaves others out.
        bool greedy = options is { Temperature: <= 0, DynamicTemperatureRange: 0, TypicalP: >= 1 } && !HasXtc(options) && options.Samplers.Contains(SamplerKind.Temperature);
        foreach (SamplerKind kind in options.Samplers)
            if (Stage(kind, options, vocabularySize, breakers) is { } stage && (!greedy || stage.ChangesLogits)) stages.Add(stage);
        if (greedy) stages.Add(new TopK(1));
        return [.. stages];
    }

    private static ISamplerStage? Stage(SamplerKind kind, SamplingOptions o, int vocabularySize, DryBreakers breakers) => kind switch
    {
        SamplerKind.Penalties => o.HasPenalties ? new Penalties(o, vocabularySize) : null,
        SamplerKind.Dry => o.HasDry ? new Dry(o, breakers, vocabularySize) : null,
        SamplerKind.TopNSigma => o.TopNSigma > 0 ? new TopNSigma(o.TopNSigma) : null,
        SamplerKind.TopK => o.TopK > 0 ? new TopK(o.TopK) : null,
        SamplerKind.TypicalP => o.TypicalP < 1 ? new Typical(o.TypicalP) : null,
        SamplerKind.TopP => o.TopP < 1 ? new TopP(o.TopP) : null,
        SamplerKind.MinP => o.MinP > 0 ? new MinP(o.MinP) : null,
        SamplerKind.Xtc => HasXtc(o) ? new Xtc(o.XtcProbability, o.XtcThreshold) : null,
        _ => TemperatureOf(o),
    };

    // Above a half only one token can reach the threshold.
    private static bool HasXtc(SamplingOptions o) => o.XtcProbability > 0 && o.XtcThreshold <= 0.5f && o.Samplers.Contains(SamplerKind.Xtc);

    private static Temperature TemperatureOf(SamplingOptions o) => new(o.Temperature, o.DynamicTemperatureRange, o.DynamicTemperatureExponent);
}
