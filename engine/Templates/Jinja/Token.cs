namespace Edge.Llm.Templates.Jinja;

internal enum TokenKind { Text, BlockBegin, BlockEnd, OutputBegin, OutputEnd, Name, String, Integer, Float, Operator, End }

/// <summary>A piece of template source; <paramref name="Value"/> has escapes resolved.</summary>
internal readonly record struct Token(TokenKind Kind, string Value, int Line)
{
    public bool IsOperator(string value) => Kind == TokenKind.Operator && Value == value;

    public bool IsName(string value) => Kind == TokenKind.Name && Value == value;

    public override string ToString() => Kind switch
    {
        TokenKind.End => "the end of the template",
        TokenKind.BlockEnd => "%}",
        TokenKind.OutputEnd => "}}",
        TokenKind.String => $"\"{Value}\"",
        _ => Value,
    };
}
