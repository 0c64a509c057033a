using System.Globalization;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Names, literals and what stands in brackets.</summary>
internal partial class ExpressionParser
{
    private Expression ParsePrimary()
    {
        Token token = Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                Consume();
                return token.Value switch
                {
                    "true" or "True" => new Literal(token.Line, true),
                    "false" or "False" => new Literal(token.Line, false),
                    "none" or "None" => new Literal(token.Line, null),
                    _ => new Name(token.Line, token.Value),
                };
            case TokenKind.String:
                var parts = new List<string>();
                while (Current.Kind == TokenKind.String) parts.Add(Consume().Value);
                return new Literal(token.Line, TracedText.Template(string.Concat(parts)));
            case TokenKind.Integer:
                return long.TryParse(Consume().Value, NumberStyles.None, CultureInfo.InvariantCulture, out long integer)
                    ? new Literal(token.Line, integer)
                    : throw Rendering.Error(ErrorCode.Unsupported, token.Line, $"{token.Value} does not fit 64 bits");
            case TokenKind.Float: return new Literal(token.Line, double.Parse(Consume().Value, NumberStyles.Float, CultureInfo.InvariantCulture));
            case TokenKind.Operator when token.Value == "(": return ParseParentheses();
            case TokenKind.Operator when token.Value == "[": return new ListLiteral(token.Line, ParseItems(), isTuple: false);
            case TokenKind.Operator when token.Value == "{": return ParseDict();
            default: throw Unexpected("a value");
        }
    }

    private Expression ParseParentheses()
    {
        int line = Consume().Line;
        if (TryOperator(")")) return new ListLiteral(line, [], isTuple: true);
        Expression value = ParseTuple();
        ExpectOperator(")");
        return value;
    }

    private List<Expression> ParseItems()
    {
        Consume();
        List<Expression> items = [];
        while (!TryOperator("]"))
        {
            items.Add(ParseExpression());
            if (!Current.IsOperator("]")) ExpectOperator(",");
        }
        return items;
    }

    private DictLiteral ParseDict()
    {
        int line = Consume().Line;
        List<(Expression, Expression)> entries = [];
        while (!TryOperator("}"))
        {
            Expression key = ParseExpression();
            ExpectOperator(":");
            entries.Add((key, ParseExpression()));
            if (!Current.IsOperator("}")) ExpectOperator(",");
        }
        return new DictLiteral(line, entries);
    }
}
