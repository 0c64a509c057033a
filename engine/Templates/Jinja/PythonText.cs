using System.Globalization;
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
        string text = value.ToString("E16", CultureInfo.InvariantCulture);
        if (value != 0) text = Shortest(value);
        int e = text.IndexOf('E', StringComparison.Ordinal);
        int exponent = value == 0 ? 0 : int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string sign = double.IsNegative(value) ? "-" : "";
        string digits = value == 0 ? "0" : text[..e].TrimStart('-').Replace(".", "", StringComparison.Ordinal).TrimEnd('0');
        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? $".{digits[1..]}" : "";
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }
        if (exponent < 0) return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        string whole = digits.PadRight(exponent + 1, '0');
        return $"{sign}{whole[..(exponent + 1)]}.{(whole.Length > exponent + 1 ? whole[(exponent + 1)..] : "0")}";
    }

    /// <summary>The fewest digits that read back the same, with an exponent.</summary>
    private static string Shortest(double value)
    {
        for (int digits = 14; digits < 16; digits++)
        {
            string text = value.ToString($"E{digits}", CultureInfo.InvariantCulture);
            if (double.Parse(text, CultureInfo.InvariantCulture) == value) return text;
        }
        return value.ToString("E16", CultureInfo.InvariantCulture);
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
            case double number: builder.Append(Float(number)); break;
            case TracedText text: builder.Append(Quoted(text.Value), text.AnyFromUser); break;
            case JinjaList list: AppendList(rendering, builder, list); break;
            case JinjaDict dict: AppendDict(rendering, builder, dict.Items); break;
            case JinjaNamespace: builder.Append("<Namespace>"); break;
            case JinjaFunction function: builder.Append($"<function {function.Name}>"); break;
            default: builder.Append("<loop>"); break;
        }
        rendering.Leave();
    }

    private static void AppendList(Rendering rendering, TextBuilder builder, JinjaList list)
    {
        builder.Append(list.IsTuple ? "(" : "[");
        for (int i = 0; i < list.Items.Count; i++)
        {
            if (i > 0) builder.Append(", ");
            Append(rendering, builder, list.Items[i]);
        }
        builder.Append(!list.IsTuple ? "]" : list.Items.Count == 1 ? ",)" : ")");
    }

    private static void AppendDict(Rendering rendering, TextBuilder builder, OrderedDictionary<object, object?> entries)
    {
        builder.Append("{");
        string separator = "";
        foreach ((object key, object? value) in entries)
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
        foreach (char c in text)
        {
            if (c == quote || c == '\\') quoted.Append('\\').Append(c);
            else if (c == '\n') quoted.Append("\\n");
            else if (c == '\r') quoted.Append("\\r");
            else if (c == '\t') quoted.Append("\\t");
            else if (c < ' ' || c is >= '\x7F' and <= '\xA0' or '\xAD') quoted.Append(CultureInfo.InvariantCulture, $"\\x{(int)c:x2}");
            else quoted.Append(c);
        }
        return quoted.Append(quote).ToString();
    }
}
