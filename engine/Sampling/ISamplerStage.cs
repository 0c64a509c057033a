namespace Edge.Llm.Sampling;

/// <summary>Where a choice stands: what a stage may look at besides the candidates.</summary>
internal readonly ref struct SamplingStep(ReadOnlySpan<int> history, ulong seed, uint choice, ulong position)
{
    /// <summary>Every token before it.</summary>
    public ReadOnlySpan<int> History { get; } = history;

    /// <summary>The seed in use.</summary>
    public ulong Seed { get; } = seed;

    /// <summary>The number of the answer to one prompt.</summary>
    public uint Choice { get; } = choice;

    /// <summary>The position of the token.</summary>
    public ulong Position { get; } = position;
}

/// <summary>A step on the way from logits to a token.</summary>
internal interface ISamplerStage
{
    /// <summary>Whether it changes logits, so that it stands before those that rank them.</summary>
    bool ChangesLogits => false;

    /// <summary>Changes logits, leaves candidates out, or sets their temperature. It leaves at least one.</summary>
    void Apply(Candidates candidates, in SamplingStep step);
}
