namespace Edge.Llm;

/// <summary>How JSON is written.</summary>
public sealed record JsonGrammarOptions
{
    /// <summary>White space that the model chooses, at most 20 characters in a row; properties in the order of the schema.</summary>
    public static JsonGrammarOptions Default { get; } = new();

    /// <summary>Whether white space may stand between the parts of a value: at most 20 characters in a row.</summary>
    public bool WhiteSpace { get; init; } = true;

    /// <summary>Whether properties may come in any order; they come in that of the schema otherwise.</summary>
    public bool AnyOrder { get; init; }
}
