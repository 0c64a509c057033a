namespace Edge.Llm.Tokenization;

/// <summary>All kinds of tokenizers.</summary>
internal static class TokenizerKinds
{
    private static readonly TokenizerKind[] s_all =
    [
        SpmTokenizer.Kind, BpeTokenizer.Kind, BpeTokenizer.Gemma4, WhitespaceTokenizer.Kind, WordPieceTokenizer.Kind, UnigramTokenizer.Kind,
        RwkvTokenizer.Kind, Plamo2Tokenizer.Kind,
    ];

    /// <exception cref="EdgeLlmException">Unsupported: an unknown name.</exception>
    public static TokenizerKind Get(string name) => Array.Find(s_all, kind => kind.Name == name) ?? throw new EdgeLlmException(
        ErrorCode.Unsupported, $"tokenizer.ggml.model: expected one of {string.Join(", ", s_all.Select(kind => kind.Name))}, found \"{name}\"");
}
