using System.Globalization;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Python's two ways to fill in a string, without widths and other fine print.</summary>
internal static class StringFormat
{
    private const int MaxDecimals = 32;

    /// <summary><c>"{} {name}".format(...)</c>.</summary>
    public static object? Braces(Rendering rendering, TracedText format, Arguments arguments)
    {
        var builder = new TextBuilder(rendering);
        int next = 0;
        for (int at = 0; at < format.Length; at++)
        {
            char c = format.Value[at];
            bool doubled = at + 1 < format.Length && format.Value[at + 1] == c;
            if (c is not ('{' or '}')) builder.Append(format, at, 1);
            else if (doubled) builder.Append(format, at++, 1);
            else
            {
                int close = format.Value.IndexOf('}', at);
                if (c == '}' || close < 0) throw rendering.Fail("format: a brace stands alone");
                string field = format.Value[(at + 1)..close];
                at = close;
                builder.Append(PythonText.Str(rendering, Field(rendering, arguments, field, ref next)));
            }
        }
        return builder.ToText();
    }

    /// <summary><c>"%s" % value</c>.</summary>
    public static TracedText Percent(Rendering rendering, TracedText format, object? value)
    {
        List<object?> values = value is JinjaList { IsTuple: true } tuple ? tuple.Items : [value];
        var builder = new TextBuilder(rendering);
        int next = 0;
        for (int at = 0; at < format.Length; at++)
        {
            if (format.Value[at] != '%')
            {
                builder.Append(format, at, 1);
                continue;
            }
            int decimals = 6;
            if (at + 3 < format.Length && format.Value[at + 1] == '.' && char.IsAsciiDigit(format.Value[at + 2]))
            {
                decimals = Math.Min(format.Value[at + 2] - '0', MaxDecimals);
                at += 2;
            }
            char kind = ++at < format.Length ? format.Value[at] : '\0';
            if (kind == '%')
            {
                builder.Append("%");
                continue;
            }
            if (next >= values.Count) throw rendering.Fail("%: not enough values for the format");
            builder.Append(One(rendering, kind, decimals, values[next++]));
        }
        return builder.ToText();
    }

    private static TracedText One(Rendering rendering, char kind, int decimals, object? value) => kind switch
    {
        's' => PythonText.Str(rendering, value),
        'r' => PythonText.Repr(rendering, value),
        'd' or 'i' when Operators.TryInteger(value, out long integer) => PythonText.Str(rendering, integer),
        'd' or 'i' when value is double number => TracedText.Template(Math.Truncate(number).ToString("F0", CultureInfo.InvariantCulture)),
        'f' when Operators.TryNumber(value, out double number) => TracedText.Template(number.ToString("F" + decimals, CultureInfo.InvariantCulture)),
        's' or 'd' or 'i' or 'f' => throw rendering.Fail($"%{kind}: expected a number, found {Operators.TypeName(value)}"),
        _ => throw rendering.Unsupported($"%{kind} in a format"),
    };

    private static object? Field(Rendering rendering, Arguments arguments, string field, ref int next)
    {
        if (field.Length == 0) return next < arguments.Count ? arguments[next++] : throw rendering.Fail("format: not enough arguments");
        if (int.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < arguments.Count) return arguments[index];
        if (arguments.Named.TryGetValue(field, out object? named)) return named;
        throw rendering.Unsupported($"format: the field {{{field}}}");
    }
}
