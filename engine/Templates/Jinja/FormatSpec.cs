using System.Globalization;
using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary>How a value is written in a field: what follows the colon in <c>"{:>8.2f}"</c>, and what stands before the letter in <c>"%8.2f"</c>.</summary>
internal sealed record FormatSpec
{
    private const int MaxPrecision = 1000;

    public string Fill { get; init; } = " ";

    /// <summary>One of <c>&lt; &gt; = ^</c>; 0: as the type has it.</summary>
    public char Align { get; init; }

    /// <summary>One of <c>+</c>, <c>-</c> and a space, for numbers; 0: none was given, which is as a minus.</summary>
    public char Sign { get; init; }

    private string PositiveSign => Sign is '+' or ' ' ? Sign.ToString() : "";

    /// <summary>With a prefix, or with all digits.</summary>
    public bool Alternate { get; init; }

    /// <summary>No minus before what is rounded to 0.</summary>
    public bool NoNegativeZero { get; init; }

    public long Width { get; init; }

    /// <summary>What stands between groups of digits, or 0.</summary>
    public char Grouping { get; init; }

    /// <summary>-1: none.</summary>
    public int Precision { get; init; } = -1;

    /// <summary>A letter of Python's, or 0.</summary>
    public char Type { get; init; }

    public static FormatSpec Parse(Rendering rendering, string text)
    {
        int at = 0, fillLength = text.Length > 1 && char.IsSurrogatePair(text, 0) ? 2 : 1;
        var spec = new FormatSpec();
        if (text.Length > fillLength && IsAlign(text[fillLength]))
            (spec, at) = (spec with { Fill = text[..fillLength], Align = text[fillLength] }, fillLength + 1);
        else if (text.Length > 0 && IsAlign(text[0])) (spec, at) = (spec with { Align = text[0] }, 1);
        bool hasFill = at > 1;
        if (at < text.Length && text[at] is '+' or '-' or ' ') spec = spec with { Sign = text[at++] };
        if (at < text.Length && text[at] == 'z') (spec, at) = (spec with { NoNegativeZero = true }, at + 1);
        if (at < text.Length && text[at] == '#') (spec, at) = (spec with { Alternate = true }, at + 1);
        if (at < text.Length && text[at] == '0')
        {
            if (!hasFill) spec = spec with { Fill = "0" };
            if (spec.Align == 0) spec = spec with { Align = '0' };
            at++;
        }
        if (Number(rendering, text, ref at) is { } width) spec = spec with { Width = width };
        if (at < text.Length && text[at] is ',' or '_') spec = spec with { Grouping = text[at++] };
        if (at < text.Length && text[at] == '.')
        {
            at++;
            long precision = Number(rendering, text, ref at) ?? throw rendering.Fail("format: a precision is missing");
            spec = spec with { Precision = CheckPrecision(rendering, precision) };
        }
        if (at < text.Length) spec = spec with { Type = text[at++] };
        return at == text.Length ? spec : throw rendering.Fail($"format: invalid specification '{text}'");
    }

    public static int CheckPrecision(Rendering rendering, long precision) =>
        precision <= MaxPrecision ? (int)precision : throw rendering.Unsupported($"a format's precision above {MaxPrecision}");

    /// <summary>A whole number in the text, if one begins here.</summary>
    public static long? Number(Rendering rendering, string text, ref int at)
    {
        int start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        if (start == at) return null;
        return long.TryParse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw rendering.Fail("format: a number is too large");
    }

    public TracedText Text(Rendering rendering, TracedText text)
    {
        if (Type is not ('\0' or 's') || Sign != 0 || Alternate || Grouping != 0 || NoNegativeZero || Align == '=')
            throw rendering.Fail("format: the specification is not one for strings");
        if (Precision >= 0) text = text.Substring(0, Sequences.Offset(text.Value, 0, Precision));
        return Pad(rendering, text, Align is '\0' or '0' ? '<' : Align);
    }

    public TracedText Whole(Rendering rendering, BigInteger value)
    {
        if (Type is not ('\0' or 'd' or 'n' or 'b' or 'o' or 'x' or 'X' or 'c'))
            return Float(rendering, Numbers.ToDouble(rendering, Numbers.Whole(rendering, value)));
        if (Precision >= 0 || NoNegativeZero || (Grouping == ',' && Type is not ('\0' or 'd')))
            throw rendering.Fail("format: the specification is not one for whole numbers");
        if (Type == 'c') return Character(rendering, value);
        (int radix, string prefix) = Type switch { 'b' => (2, "0b"), 'o' => (8, "0o"), 'x' => (16, "0x"), 'X' => (16, "0X"), _ => (10, "") };
        string digits = PythonText.Digits(rendering, BigInteger.Abs(value), radix);
        return Number(rendering, value.Sign < 0, Alternate ? prefix : "", Type == 'X' ? digits.ToUpperInvariant() : digits, radix == 10 ? 3 : 4);
    }

    public TracedText Float(Rendering rendering, double value)
    {
        if (Grouping != 0 && Type == 'n') throw rendering.Fail("format: n groups digits itself");
        string digits = FloatText.Digits(rendering, Math.Abs(value), this);
        bool isZero = double.IsFinite(value) && !digits.AsSpan().ContainsAnyInRange('1', '9');
        bool isNegative = double.IsNegative(value) && !double.IsNaN(value) && !(NoNegativeZero && isZero);
        return Number(rendering, isNegative, "", digits, 3);
    }

    /// <summary>Fills a text up to the width.</summary>
    public TracedText Pad(Rendering rendering, TracedText text, char align)
    {
        long room = Width - Sequences.Count(rendering, text);
        if (room <= 0) return text;
        long left = align switch { '<' => 0, '^' => room / 2, _ => room };
        return Padding.Around(rendering, text, left, room - left, TracedText.Template(Fill));
    }

    private TracedText Character(Rendering rendering, BigInteger value)
    {
        if (Sign != 0 || Alternate) throw rendering.Fail("format: the specification is not one for a character");
        return value >= 0 && value <= 0x10FFFF && System.Text.Rune.IsValid((int)value)
            ? Pad(rendering, TracedText.Template(char.ConvertFromUtf32((int)value)), Align is '\0' or '0' ? '<' : Align)
            : throw rendering.Fail("format: expected the number of a character");
    }

    /// <summary>Sign and prefix before the digits, and zeros between them and the digits where the specification says so.</summary>
    private TracedText Number(Rendering rendering, bool isNegative, string prefix, string digits, int groupSize)
    {
        string before = (isNegative ? "-" : PositiveSign) + prefix;
        bool fillsBetween = Align is '=' or '0';
        int end = 0;
        while (end < digits.Length && char.IsAsciiLetterOrDigit(digits[end]) && !(digits[end] is 'e' or 'E' && groupSize == 3)) end++;
        if (Grouping != 0 && (end == 0 || char.IsAsciiDigit(digits[0]) || groupSize == 4))
        {
            // Zeros that fill are grouped as well.
            long least = fillsBetween && Fill == "0" ? Math.Max(0, Width - before.Length - (digits.Length - end)) : 0;
            rendering.Charge(least);
            long count = least * groupSize / (groupSize + 1);
            while (count + (count - 1) / groupSize < least) count++;
            digits = Group(digits[..end].PadLeft((int)count, '0'), groupSize) + digits[end..];
        }
        if (!fillsBetween) return Pad(rendering, TracedText.Template(before + digits), Align == 0 ? '>' : Align);
        long room = Width - before.Length - digits.Length;
        return Padding.Around(rendering, TracedText.Template(digits), Math.Max(0, room), 0, TracedText.Template(Fill)) is var filled && before.Length > 0
            ? Operators.Concat(rendering, TracedText.Template(before), filled)
            : filled;
    }

    private string Group(string digits, int size)
    {
        var grouped = new System.Text.StringBuilder();
        for (int i = 0; i < digits.Length; i++)
        {
            if (i > 0 && (digits.Length - i) % size == 0) grouped.Append(Grouping);
            grouped.Append(digits[i]);
        }
        return grouped.ToString();
    }

    private static bool IsAlign(char c) => c is '<' or '>' or '=' or '^';
}
