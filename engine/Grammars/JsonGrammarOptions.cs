namespace Edge.Llm;

/// <summary>How JSON is written.</summary>
public sealed record JsonGrammarOptions
{
    /// <summary>White space that the model chooses, at most 20 characters in a row.</summary>
    public static JsonGrammarOptions Default { get; } = new();

    /// <summary>Whether white space may stand between the parts of a value: at most 20 characters in a row.</summary>
    public bool WhiteSpace { get; init; } = true;
}
