using System.Globalization;
using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Filters on single values, and the table of all filters.</summary>
internal static class Filters
{
    private static readonly Dictionary<string, Func<Rendering, object?, Arguments, object?>> s_table = new(ListFilters.Table)
    {
        ["trim"] = (r, value, a) => StringMethods.Strip(r, PythonText.Str(r, value), a.TextOrNull(0, "chars"), left: true, right: true),
        ["upper"] = (r, value, _) => PythonText.Str(r, value) is var text ? StringMethods.Map(r, text, text.Value.ToUpperInvariant()) : null,
        ["lower"] = (r, value, _) => PythonText.Str(r, value) is var text ? StringMethods.Map(r, text, text.Value.ToLowerInvariant()) : null,
        ["title"] = (r, value, _) => PythonText.Str(r, value) is var text ? StringMethods.Map(r, text, Title(text.Value)) : null,
        ["capitalize"] = (r, value, _) => StringMethods.Capitalize(r, PythonText.Str(r, value)),
        ["string"] = (r, value, _) => PythonText.Str(r, value),
        ["safe"] = (_, value, _) => value,
        ["escape"] = Escape,
        ["e"] = Escape,
        ["default"] = Default,
        ["d"] = Default,
        ["tojson"] = (r, value, a) => JsonText.Write(r, value, a),
        ["int"] = (r, value, a) => Integer(r, value) ?? a.Get(0, "default", 0L),
        ["float"] = (_, value, a) => Float(value) is { } number ? number : a.Get(0, "default", 0.0),
        ["bool"] = (_, value, _) => Operators.IsTrue(value),
        ["abs"] = (r, value, _) => value switch
        {
            long and > long.MinValue and long integer => (object)Math.Abs(integer),
            double number => Math.Abs(number),
            bool flag => flag ? 1L : 0L,
            _ => throw r.Fail($"abs: expected a number, found {Operators.TypeName(value)}"),
        },
        ["round"] = (r, value, a) => Round(r, value, a),
        ["replace"] = (r, value, a) => StringMethods.Replace(r, PythonText.Str(r, value), PythonText.Str(r, a.Demand(0, "old")),
            PythonText.Str(r, a.Demand(1, "new")), a.Integer(2, "count", -1)),
        ["indent"] = Indent,
        ["format"] = (r, value, a) => StringFormat.Percent(r, PythonText.Str(r, value), new JinjaList(a.Positional, isTuple: true)),
        ["wordcount"] = (r, value, _) => CountWords(PythonText.Str(r, value).Value),
        ["split"] = (r, value, a) => Splitting.Split(r, PythonText.Str(r, value), a.TextOrNull(0, "sep"), a.Integer(1, "maxsplit", -1)),
        ["attr"] = (r, value, a) => Members.Attribute(r, value, a.Text(0, "name").Value),
    };

    public static IEnumerable<string> Names => s_table.Keys;

    public static bool Exists(string name) => s_table.ContainsKey(name);

    public static object? Apply(Rendering rendering, string name, object? value, Arguments arguments)
    {
        if (value is TracedText text) rendering.Scan(text.Length);
        return s_table.TryGetValue(name, out Func<Rendering, object?, Arguments, object?>? filter)
            ? filter(rendering, value, arguments)
            : throw rendering.Unsupported($"unknown filter {name}");
    }

    // Jinja2 counts matches of \w+: "it's" has two.
    private static long CountWords(string text)
    {
        long words = 0;
        bool inside = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isWord = Rune.IsLetter(rune) || Rune.IsNumber(rune) || rune.Value == '_';
            if (isWord && !inside) words++;
            inside = isWord;
        }
        return words;
    }

    private static object? Default(Rendering rendering, object? value, Arguments arguments) =>
        value is Undefined || (arguments.Flag(1, "boolean") && !Operators.IsTrue(value)) ? arguments.Get(0, "default_value", TracedText.Empty) : value;

    private static TracedText Escape(Rendering rendering, object? value, Arguments arguments)
    {
        TracedText text = PythonText.Str(rendering, value);
        foreach ((string character, string entity) in new[] { ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;") })
            text = StringMethods.Replace(rendering, text, TracedText.Template(character), TracedText.Template(entity), -1);
        return text;
    }

    private static object? Integer(Rendering rendering, object? value)
    {
        switch (value)
        {
            case long or bool: return Operators.TryInteger(value, out long integer) ? integer : null;
            case double number:
                return Math.Abs(number) < 9.2e18 ? (long)number : throw rendering.Unsupported("int: the number does not fit 64 bits");
            case TracedText text:
                if (long.TryParse(text.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out long parsed)) return parsed;
                return Float(value) is double f && Math.Abs(f) < 9.2e18 ? (long)f : null;
            default: return null;
        }
    }

    private static double? Float(object? value) => Operators.TryNumber(value, out double number) ? number
        : value is TracedText text && double.TryParse(text.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed) ? parsed
        : null;

    private static object? Round(Rendering rendering, object? value, Arguments arguments)
    {
        if (!Operators.TryNumber(value, out double number)) throw rendering.Fail($"round: expected a number, found {Operators.TypeName(value)}");
        string method = arguments.TextOrNull(1, "method")?.Value ?? "common";
        if (method == "common" && Operators.TryInteger(value, out long integer)) return integer;
        int digits = (int)Math.Clamp(arguments.Integer(0, "precision", 0), 0, 15);
        double scale = 1;
        for (int i = 0; i < digits; i++) scale *= 10;
        return method switch
        {
            "ceil" => Math.Ceiling(number * scale) / scale,
            "floor" => Math.Floor(number * scale) / scale,
            "common" => Math.Round(number, digits, MidpointRounding.ToEven),
            _ => throw rendering.Fail("round: expected the method common, ceil or floor"),
        };
    }

    private static TracedText Indent(Rendering rendering, object? value, Arguments arguments)
    {
        TracedText text = PythonText.Str(rendering, value);
        TracedText indent = arguments.Get(0, "width") as TracedText
            ?? TracedText.Template(new string(' ', (int)Math.Clamp(arguments.Integer(0, "width", 4), 0, 256)));
        bool first = arguments.Flag(1, "first"), blank = arguments.Flag(2, "blank");
        var builder = new TextBuilder(rendering);
        for (int start = 0; start <= text.Length;)
        {
            int newline = text.Value.IndexOf('\n', start), end = newline < 0 ? text.Length : newline;
            if ((start == 0 ? first : true) && (blank || end > start)) builder.Append(indent);
            builder.Append(text, start, Math.Min(end + 1, text.Length) - start);
            start = end + 1;
        }
        return builder.ToText();
    }

    /// <summary>Unlike Python's title(), only spaces, hyphens and opening brackets begin a word.</summary>
    private static string Title(string text)
    {
        bool begins = true;
        return string.Create(text.Length, text, (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = begins ? char.ToUpperInvariant(source[i]) : char.ToLowerInvariant(source[i]);
                begins = char.IsWhiteSpace(source[i]) || source[i] is '-' or '(' or '{' or '[' or '<';
            }
        });
    }
}
