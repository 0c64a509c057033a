using System.Globalization;
using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>The next name, literal or operator inside a tag.</summary>
internal static class ExpressionLexer
{
    private static readonly string[] s_operators =
        ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ".", ":", "|", ";"];

    public static Token Next(string source, ref int at, int line)
    {
        char first = source[at];
        if (char.IsLetter(first) || first == '_')
        {
            int start = at;
            while (at < source.Length && (char.IsLetterOrDigit(source[at]) || source[at] == '_')) at++;
            return new Token(TokenKind.Name, source[start..at], line);
        }
        if (char.IsAsciiDigit(first)) return Number(source, ref at, line);
        if (first is '"' or '\'') return String(source, ref at, line);
        foreach (string op in s_operators)
        {
            if (string.CompareOrdinal(source, at, op, 0, op.Length) != 0) continue;
            at += op.Length;
            return new Token(TokenKind.Operator, op, line);
        }
        throw Rendering.Error(ErrorCode.InvalidArgument, line, $"unexpected character '{first}'");
    }

    private static Token Number(string source, ref int at, int line)
    {
        int start = at;
        SkipDigits(source, ref at);
        bool isFloat = false;
        // messages.0.role: a point after a point is no fraction.
        bool afterPoint = start > 0 && source[start - 1] == '.';
        if (!afterPoint && at + 1 < source.Length && source[at] == '.' && char.IsAsciiDigit(source[at + 1]))
        {
            isFloat = true;
            at++;
            SkipDigits(source, ref at);
        }
        if (!afterPoint && at < source.Length && source[at] is 'e' or 'E')
        {
            int exponent = at + 1;
            if (exponent < source.Length && source[exponent] is '+' or '-') exponent++;
            if (exponent < source.Length && char.IsAsciiDigit(source[exponent]))
            {
                isFloat = true;
                at = exponent;
                SkipDigits(source, ref at);
            }
        }
        return new Token(isFloat ? TokenKind.Float : TokenKind.Integer, source[start..at].Replace("_", "", StringComparison.Ordinal), line);
    }

    private static void SkipDigits(string source, ref int at)
    {
        while (at < source.Length && (char.IsAsciiDigit(source[at]) || source[at] == '_')) at++;
    }

    private static Token String(string source, ref int at, int line)
    {
        char quote = source[at++];
        var value = new StringBuilder();
        while (true)
        {
            if (at >= source.Length) throw Rendering.Error(ErrorCode.InvalidArgument, line, "a string has no closing quote");
            char c = source[at++];
            if (c == quote) return new Token(TokenKind.String, value.ToString(), line);
            if (c != '\\' || at >= source.Length) value.Append(c);
            else AppendEscape(source, ref at, value);
        }
    }

    private static void AppendEscape(string source, ref int at, StringBuilder value)
    {
        char c = source[at++];
        int digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0 && at + digits <= source.Length
            && int.TryParse(source.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code))
        {
            at += digits;
            if (code > 0xFFFF && Rune.IsValid(code)) value.Append(char.ConvertFromUtf32(code));
            else value.Append((char)code);
            return;
        }
        switch (c)
        {
            case 'n': value.Append('\n'); break;
            case 't': value.Append('\t'); break;
            case 'r': value.Append('\r'); break;
            case 'b': value.Append('\b'); break;
            case 'f': value.Append('\f'); break;
            case 'v': value.Append('\v'); break;
            case 'a': value.Append('\a'); break;
            case '0': value.Append('\0'); break;
            case '\\' or '\'' or '"': value.Append(c); break;
            case '\n': break;
            default: value.Append('\\').Append(c); break; // as Python keeps unknown escapes
        }
    }
}
