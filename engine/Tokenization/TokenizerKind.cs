namespace Edge.Llm.Tokenization;

/// <summary>A kind of tokenizer (<c>tokenizer.ggml.model</c>): how it is made, and what it takes for granted where a file is silent.</summary>
internal sealed record TokenizerKind(string Name, Func<Vocabulary, GgufMetadata, Tokenizer> Create)
{
    /// <summary>Ids that hold where the file has no key for them and a token of that id.</summary>
    public (string Key, int Id)[] DefaultIds { get; init; } = [];

    /// <summary>Ids that the file must name, by key or by default.</summary>
    public string[] RequiredIds { get; init; } = [];

    public bool AddBos { get; init; }

    public bool AddEos { get; init; }

    public bool AddSpacePrefix { get; init; }

    /// <summary>Every text stands between BOS (which is CLS) and SEP, whatever the file says.</summary>
    public bool BetweenClsAndSep { get; init; }

    /// <summary>Words come from the pre-tokenizer that <c>tokenizer.ggml.pre</c> names; other kinds ignore that key.</summary>
    public bool HasPreTokenizer { get; init; }

    /// <summary>The only pre-tokenizer, whatever the file says, or null.</summary>
    public string? OnlyPre { get; init; }
}
