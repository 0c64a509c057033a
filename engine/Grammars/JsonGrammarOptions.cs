namespace Edge.Llm;

/// <summary>How JSON is written.</summary>
public sealed record JsonGrammarOptions
{
    /// <summary>Characters of white space in a row.</summary>
    internal const int LongestWhiteSpace = 20;

    /// <summary>White space that the model chooses, at most 20 characters in a row.</summary>
    public static JsonGrammarOptions Default { get; } = new();

    /// <summary>One space behind each comma and colon, as Python's <c>json.dumps</c> writes it.</summary>
    public static JsonGrammarOptions Spaced { get; } = new() { ItemSeparator = ", ", KeySeparator = ": " };

    /// <summary>Whether white space may stand between the parts of a value: at most 20 characters in a row.</summary>
    public bool WhiteSpace { get; init; } = true;

    /// <summary>What stands between two items, a comma and white space; with it, or with <see cref="KeySeparator"/>, there is no other white space.</summary>
    public string? ItemSeparator { get; init; }

    /// <summary>What stands between a property's name and its value, a colon and white space.</summary>
    public string? KeySeparator { get; init; }

    /// <summary>Whether the properties of an object may come in any order, for objects of at most 10 named properties; otherwise they come in the order
    /// of the schema.</summary>
    public bool AnyOrder { get; init; }

    /// <summary>Whether white space is the model's to choose.</summary>
    internal bool IsFree => WhiteSpace && ItemSeparator is null && KeySeparator is null;

    /// <summary>Throws unless the separators are such.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    internal void Check()
    {
        Check(nameof(ItemSeparator), ItemSeparator, ',');
        Check(nameof(KeySeparator), KeySeparator, ':');
    }

    private static void Check(string name, string? separator, char sign)
    {
        if (separator is null) return;
        string[] spaces = separator.Split(sign);
        if (spaces.Length != 2 || Array.Exists(spaces, space => space.Length > LongestWhiteSpace || space.AsSpan().ContainsAnyExcept(" \t\n\r")))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{name}: expected '{sign}' and at most {LongestWhiteSpace} characters of white space on each side");
    }
}
