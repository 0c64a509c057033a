namespace Edge.Llm.Scheduling;

/// <summary>What is drafted for a request, and what its drafting remembers.</summary>
internal sealed class Draft(int most) : IDisposable
{
    /// <summary>How long drafts are.</summary>
    public DraftPace Pace { get; } = new(most);

    /// <summary>Tokens that may follow the text.</summary>
    public List<int> Tokens { get; } = [];

    /// <summary>What stood in the text before.</summary>
    public PromptLookup Lookup { get; private set; } = new();

    /// <summary>The text in the draft model's cache.</summary>
    public Sequence? Sequence { get; set; }

    /// <summary>Chooses the draft model's tokens.</summary>
    public SamplerChain? Sampler { get; set; }

    /// <summary>The text has lost a part.</summary>
    public void ForgetText() => Lookup = new PromptLookup();

    /// <summary>Gives the draft model's sequence back.</summary>
    public void Dispose()
    {
        Sequence?.Dispose();
        Sequence = null;
    }
}
