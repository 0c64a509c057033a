using System.Globalization;
using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Names, literals and what stands in brackets.</summary>
internal partial class ExpressionParser
{
    /// <summary>Those that were read since it was last cleared: what a macro takes depends on them.</summary>
    protected MacroNames SpecialNames { get; set; }

    private Expression ParsePrimary()
    {
        Token token = Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                Consume();
                SpecialNames |= token.Value switch
                {
                    "caller" => MacroNames.Caller,
                    "kwargs" => MacroNames.Kwargs,
                    "varargs" => MacroNames.Varargs,
                    _ => MacroNames.None,
                };
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
                return new Literal(token.Line, Integer(Consume()));
            case TokenKind.Float: return new Literal(token.Line, double.Parse(Consume().Value, NumberStyles.Float, CultureInfo.InvariantCulture));
            case TokenKind.Operator when token.Value == "(": return ParseParentheses();
            case TokenKind.Operator when token.Value == "[": return new ListLiteral(token.Line, ParseItems(), isTuple: false);
            case TokenKind.Operator when token.Value == "{": return ParseDict();
            default: throw Unexpected("a value");
        }
    }

    private static object Integer(Token token)
    {
        string digits = token.Value;
        var rendering = new Rendering(digits.Length) { Line = token.Line };
        return Numbers.TryParseWhole(rendering, digits, radix: 0, out BigInteger value)
            ? Numbers.Whole(rendering, value)
            : throw rendering.Unsupported("a whole number has more than 4300 digits");
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
