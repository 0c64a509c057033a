using System.Globalization;
using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>The next name, literal or operator inside a tag.</summary>
internal static class ExpressionLexer
{
    private const string HexDigits = "0123456789abcdef";

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

    /// <summary>As Jinja2's patterns have it: 0x1F, 1_000, 1.5, 2e3. A leading 0 is a number of its own.</summary>
    private static Token Number(string source, ref int at, int line)
    {
        int start = at;
        // messages.0.role: a point after a point is no fraction.
        if ((start == 0 || source[start - 1] != '.') && Fraction(source, start) is var end && end > start)
        {
            at = end;
            return new Token(TokenKind.Float, Plain(source[start..at]), line);
        }
        int mark = source[start] == '0' && start + 1 < source.Length ? source[start + 1] | ' ' : 0;
        string system = mark switch { 'x' => HexDigits, 'o' => "01234567", 'b' => "01", _ => "" };
        if (system.Length > 0 && Digits(source, start + 2, system, mayBeginWithUnderscore: true) is var stop && stop > start + 2) at = stop;
        else at = Digits(source, start, source[start] == '0' ? "0" : "0123456789", mayBeginWithUnderscore: false);
        return new Token(TokenKind.Integer, Plain(source[start..at]), line);
    }

    /// <summary>The end of a number with a fraction or an exponent, or where it begins.</summary>
    private static int Fraction(string source, int start)
    {
        const string Decimal = "0123456789";
        int whole = Digits(source, start, Decimal, false), at = whole;
        if (at + 1 < source.Length && source[at] == '.' && Digits(source, at + 1, Decimal, false) is var fraction && fraction > at + 1) at = fraction;
        if (at + 1 < source.Length && source[at] is 'e' or 'E')
        {
            int exponent = source[at + 1] is '+' or '-' ? at + 2 : at + 1;
            if (Digits(source, exponent, Decimal, false) is var end && end > exponent) at = end;
        }
        return at > whole ? at : start;
    }

    /// <summary>The end of digits with single underscores between them.</summary>
    private static int Digits(string source, int at, string digits, bool mayBeginWithUnderscore)
    {
        int start = at;
        while (at < source.Length)
        {
            int digit = source[at] == '_' && (at > start || mayBeginWithUnderscore) ? at + 1 : at;
            if (digit >= source.Length || !digits.Contains(source[digit], StringComparison.OrdinalIgnoreCase)) break;
            at = digit + 1;
        }
        return at;
    }

    private static string Plain(string number) => number.Replace("_", "", StringComparison.Ordinal);

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
            else AppendEscape(source, ref at, value, line);
        }
    }

    private static void AppendEscape(string source, ref int at, StringBuilder value, int line)
    {
        char c = source[at++];
        switch (c)
        {
            case 'n': value.Append('\n'); break;
            case 't': value.Append('\t'); break;
            case 'r': value.Append('\r'); break;
            case 'b': value.Append('\b'); break;
            case 'f': value.Append('\f'); break;
            case 'v': value.Append('\v'); break;
            case 'a': value.Append('\a'); break;
            case 'x': AppendCode(source, ref at, 2, value, line); break;
            case 'u': AppendCode(source, ref at, 4, value, line); break;
            case 'U': AppendCode(source, ref at, 8, value, line); break;
            case 'N': throw Rendering.Error(ErrorCode.Unsupported, line, "\\N: characters by their names");
            case >= '0' and <= '7':
                int code = c - '0';
                for (int end = at + 2; at < end && at < source.Length && source[at] is >= '0' and <= '7'; at++) code = code * 8 + (source[at] - '0');
                value.Append((char)code);
                break;
            case '\\' or '\'' or '"': value.Append(c); break;
            case '\n': break;
            // Python keeps other escapes. Jinja2 escapes what is not ASCII before it reads escapes.
            case > '\x7F': value.Append(CultureInfo.InvariantCulture, $"\\{Escaped(source, ref at)}"); break;
            default: value.Append('\\').Append(c); break;
        }
    }

    private static void AppendCode(string source, ref int at, int digits, StringBuilder value, int line)
    {
        if (at + digits > source.Length
            || !int.TryParse(source.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
            || code is < 0 or > 0x10FFFF)
            throw Rendering.Error(ErrorCode.InvalidArgument, line, $"a string: expected {digits} hexadecimal digits of a character after \\{source[at - 1]}");
        at += digits;
        if (code > 0xFFFF) value.Append(char.ConvertFromUtf32(code));
        else value.Append((char)code);
    }

    /// <summary>The character before a position as Python's escape, without the backslash.</summary>
    private static string Escaped(string source, ref int at)
    {
        if (char.IsHighSurrogate(source[at - 1]) && at < source.Length && char.IsLowSurrogate(source[at]))
            return $"U{char.ConvertToUtf32(source[at - 1], source[at++]):x8}";
        return source[at - 1] < 0x100 ? $"x{(int)source[at - 1]:x2}" : $"u{(int)source[at - 1]:x4}";
    }
}
