using System.Globalization;
using System.Numerics;
using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Values as Python's str() and repr() write them.</summary>
internal static class PythonText
{
    public static TracedText Str(Rendering rendering, object? value)
    {
        switch (value)
        {
            case TracedText text: return text;
            case Undefined: return TracedText.Empty;
            case null: return TracedText.Template("None");
            default: return Repr(rendering, value);
        }
    }

    public static TracedText Repr(Rendering rendering, object? value)
    {
        var builder = new TextBuilder(rendering);
        Append(rendering, builder, value);
        return builder.ToText();
    }

    public static string Float(double value)
    {
        if (double.IsNaN(value)) return "nan";
        if (double.IsInfinity(value)) return value > 0 ? "inf" : "-inf";
        string sign = double.IsNegative(value) ? "-" : "";
        (string digits, int exponent) = Shortest(Math.Abs(value));
        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? $".{digits[1..]}" : "";
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }
        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        string whole = digits.PadRight(exponent + 1, '0');
        return $"{sign}{whole[..(exponent + 1)]}.{(whole.Length > exponent + 1 ? whole[(exponent + 1)..] : "0")}";
    }

    /// <summary>repr() with escapes for all that is not ASCII.</summary>
    public static TracedText Ascii(Rendering rendering, object? value)
    {
        TracedText text = Repr(rendering, value);
        if (System.Text.Ascii.IsValid(text.Value)) return text;
        rendering.Charge(text.Length * 10L);
        var escaped = new StringBuilder();
        for (int at = 0; at < text.Length; at += Sequences.CharacterLength(text.Value, at))
        {
            if (char.IsAscii(text.Value[at])) escaped.Append(text.Value[at]);
            else escaped.Append(Escaped(Sequences.CharacterLength(text.Value, at) == 2 ? char.ConvertToUtf32(text.Value, at) : text.Value[at]));
        }
        return TracedText.Of(escaped.ToString(), text.AnyFromUser);
    }

    /// <summary>The digits of a whole number that is not negative, or in base 10 any: base 2, 8, 10 or 16.</summary>
    public static string Digits(Rendering rendering, BigInteger value, int radix)
    {
        long words = 1 + value.GetBitLength() / 64;
        rendering.Step(words * words);
        if (radix == 10) return value.ToString(CultureInfo.InvariantCulture);
        if (value.IsZero) return "0";
        string bits = value.ToString("b", CultureInfo.InvariantCulture).TrimStart('0');
        int size = radix switch { 2 => 1, 8 => 3, _ => 4 };
        bits = bits.PadLeft((bits.Length + size - 1) / size * size, '0');
        return string.Concat(bits.Chunk(size).Select(digit => "0123456789abcdef"[digit.Aggregate(0, (sum, bit) => sum * 2 + (bit - '0'))]));
    }

    private static string Escaped(int code) => code switch
    {
        < 0x100 => $"\\x{code:x2}",
        < 0x10000 => $"\\u{code:x4}",
        _ => $"\\U{code:x8}",
    };

    /// <summary>The fewest digits that read back the same, and the power of ten of the first.</summary>
    private static (string Digits, int Exponent) Shortest(double value)
    {
        if (value == 0) return ("0", 0);
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        int e = text.IndexOf('E', StringComparison.Ordinal);
        int exponent = e < 0 ? 0 : int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string plain = e < 0 ? text : text[..e];
        int point = plain.IndexOf('.', StringComparison.Ordinal);
        if (point < 0) point = plain.Length;
        string all = plain.Replace(".", "", StringComparison.Ordinal), digits = all.TrimStart('0');
        return (digits.TrimEnd('0'), exponent + point - 1 - (all.Length - digits.Length));
    }

    private static void Append(Rendering rendering, TextBuilder builder, object? value)
    {
        rendering.Enter();
        switch (value)
        {
            case null: builder.Append("None"); break;
            case Undefined: builder.Append("Undefined"); break;
            case bool flag: builder.Append(flag ? "True" : "False"); break;
            case long integer: builder.Append(integer.ToString(CultureInfo.InvariantCulture)); break;
            case BigInteger integer: builder.Append(Digits(rendering, integer, 10)); break;
            case double number: builder.Append(Float(number)); break;
            case TracedText text: builder.Append(text.IsMarkup ? $"Markup({Quoted(text.Value)})" : Quoted(text.Value), text.AnyFromUser); break;
            case JinjaList list: AppendList(rendering, builder, list); break;
            case JinjaDict dict: AppendEntries(rendering, builder, dict.Items.Select(entry => (entry.Key.Value, entry.Value))); break;
            case JinjaNamespace { Name: null } names:
                builder.Append("<Namespace ");
                AppendEntries(rendering, builder, names.Items.Select(entry => ((object?)TracedText.Template(entry.Key), entry.Value)));
                builder.Append(">");
                break;
            case JinjaFunction { Macro: { } macro }: builder.Append(macro.ToString()); break;
            case LoopState loop: builder.Append(loop.ToString()); break;
            default: throw rendering.Unsupported($"{Operators.TypeName(value)} has no text"); // in Python, an address
        }
        rendering.Leave();
    }

    private static void AppendList(Rendering rendering, TextBuilder builder, JinjaList list)
    {
        if (list.Kind == SequenceKind.Iterator) throw rendering.Unsupported("an iterator has no text: |list makes a list of it");
        if (list.Kind == SequenceKind.Range)
        {
            (long start, long stop, long step) = list.Bounds;
            builder.Append(string.Create(CultureInfo.InvariantCulture, $"range({start}, {stop}{(step == 1 ? "" : $", {step}")})"));
            return;
        }
        builder.Append(list.Kind switch
        {
            SequenceKind.Keys => "dict_keys([",
            SequenceKind.Values => "dict_values([",
            SequenceKind.Items => "dict_items([",
            SequenceKind.Tuple => "(",
            _ => "[",
        });
        for (int i = 0; i < list.Items.Count; i++)
        {
            if (i > 0) builder.Append(", ");
            Append(rendering, builder, list.Items[i]);
        }
        builder.Append(list.Kind == SequenceKind.List ? "]" : !list.IsTuple ? "])" : list.Items.Count == 1 ? ",)" : ")");
    }

    private static void AppendEntries(Rendering rendering, TextBuilder builder, IEnumerable<(object? Key, object? Value)> entries)
    {
        builder.Append("{");
        string separator = "";
        foreach ((object? key, object? value) in entries)
        {
            builder.Append(separator);
            separator = ", ";
            Append(rendering, builder, key);
            builder.Append(": ");
            Append(rendering, builder, value);
        }
        builder.Append("}");
    }

    private static string Quoted(string text)
    {
        char quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var quoted = new StringBuilder(text.Length + 2);
        quoted.Append(quote);
        for (int at = 0; at < text.Length;)
        {
            bool isWhole = Rune.TryGetRuneAt(text, at, out Rune rune);
            char c = text[at];
            if (c == quote || c == '\\') quoted.Append('\\').Append(c);
            else if (c == '\n') quoted.Append("\\n");
            else if (c == '\r') quoted.Append("\\r");
            else if (c == '\t') quoted.Append("\\t");
            else if (!isWhole || !CharacterClass.IsPrintable(rune)) quoted.Append(Escaped(isWhole ? rune.Value : c));
            else quoted.Append(rune.ToString());
            at += isWhole ? rune.Utf16SequenceLength : 1;
        }
        return quoted.Append(quote).ToString();
    }
}
