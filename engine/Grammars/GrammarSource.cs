namespace Edge.Llm.Grammars;

/// <summary>A grammar that another part of the engine makes. Compared by content.</summary>
internal abstract record GrammarSource
{
    /// <summary>Bytes that it takes.</summary>
    public abstract int Bytes { get; }

    /// <summary>Makes the productions.</summary>
    /// <returns>The root.</returns>
    public abstract int Make(Productions productions, Tokenizer tokenizer);
}
