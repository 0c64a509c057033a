using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Filters on texts. Most take any value, as its text.</summary>
internal static class TextFilters
{
    public static readonly Dictionary<string, Operation<object?, object?>> Table = new()
    {
        ["trim"] = new("chars", (r, value, a) => StringMethods.Strip(r, PythonText.Str(r, value), a.TextOrNull(0, "chars"), left: true, right: true)),
        ["upper"] = new("", (r, value, _) => StringMethods.Map(r, PythonText.Str(r, value), CaseMapping.Upper)),
        ["lower"] = new("", (r, value, _) => StringMethods.Map(r, PythonText.Str(r, value), CaseMapping.Lower)),
        ["title"] = new("", (r, value, _) => StringMethods.Map(r, PythonText.Str(r, value), Title).AsMarkup(false)),
        ["capitalize"] = new("", (r, value, _) => StringMethods.Map(r, PythonText.Str(r, value), CaseMapping.Capitalize)),
        ["safe"] = new("", (r, value, _) => PythonText.Str(r, value).AsMarkup()),
        ["escape"] = new("", Escape),
        ["e"] = new("", Escape),
        ["forceescape"] = new("", (r, value, _) => Markup.Escape(r, PythonText.Str(r, value))),
        ["replace"] = new("old new count", (r, value, a) => StringMethods.Replace(r, PythonText.Str(r, value).AsMarkup(false),
            PythonText.Str(r, a.Demand(0, "old")), PythonText.Str(r, a.Demand(1, "new")), a.Integer(2, "count", -1))),
        ["indent"] = new("width first blank", Indent),
        ["format"] = new("*", Format),
        ["wordcount"] = new("", (r, value, _) => CountWords(PythonText.Str(r, value).Value)),
        ["split"] = new("sep maxsplit", (r, value, a) => Splitting.Split(r, PythonText.Str(r, value), a.TextOrNull(0, "sep"), a.Integer(1, "maxsplit", -1))),
        ["center"] = new("width", Center),
        ["truncate"] = new("length killwords end leeway", Truncate),
        ["wordwrap"] = new("width break_long_words wrapstring break_on_hyphens", WordWrap.Filter),
        ["urlencode"] = new("", UrlEncode),
    };

    // Jinja2 counts matches of \w+: "it's" has two.
    private static long CountWords(string text)
    {
        long words = 0;
        bool inside = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool isWord = CharacterClass.IsAlphanumeric(rune) || rune.Value == '_';
            if (isWord && !inside) words++;
            inside = isWord;
        }
        return words;
    }

    private static TracedText Escape(Rendering rendering, object? value, Arguments arguments) =>
        PythonText.Str(rendering, value) is { IsMarkup: true } text ? text : Markup.Escape(rendering, PythonText.Str(rendering, value));

    private static TracedText Center(Rendering rendering, object? value, Arguments arguments)
    {
        TracedText text = PythonText.Str(rendering, value);
        Arguments width = new Arguments(rendering, "center").Add(arguments.Integer(0, "width", 80));
        return Padding.Justify(rendering, text, width, 0).AsMarkup(text.IsMarkup);
    }

    private static TracedText? Format(Rendering rendering, object? value, Arguments arguments)
    {
        if (arguments.Count > 0 && arguments.Named.Count > 0) throw rendering.Fail("format: expected arguments by position or by name, found both");
        object? values = new JinjaList(arguments.Positional, SequenceKind.Tuple);
        if (arguments.Named.Count > 0)
        {
            var named = new JinjaDict();
            foreach ((string name, object? item) in arguments.Named) named.Set(name, item);
            values = named;
        }
        return (TracedText?)Operators.Arithmetic(rendering, "%", PythonText.Str(rendering, value), values);
    }

    private static TracedText Indent(Rendering rendering, object? value, Arguments arguments)
    {
        if (value is not TracedText text) throw rendering.Fail($"indent: expected a string, found {Operators.TypeName(value)}");
        if (text.IsMarkup && arguments.Get(0, "width") is TracedText { IsMarkup: false }) throw rendering.Unsupported("indent of escaped text by other text");
        TracedText indent = arguments.Get(0, "width") as TracedText ?? Padding.Spaces(rendering, arguments.Integer(0, "width", 4));
        bool first = arguments.Flag(1, "first"), blank = arguments.Flag(2, "blank");
        List<object?> lines = Splitting.Lines(rendering, Operators.Concat(rendering, text, TracedText.Template("\n")), keepEnds: false).Items;
        var builder = new TextBuilder(rendering);
        for (int i = 0; i < lines.Count; i++)
        {
            var line = (TracedText)lines[i]!;
            if (i > 0) builder.Append("\n");
            if (i == 0 ? first : blank || line.Length > 0) builder.Append(indent);
            builder.Append(line);
        }
        return builder.ToText().AsMarkup(text.IsMarkup);
    }

    private static object? Truncate(Rendering rendering, object? value, Arguments arguments)
    {
        TracedText end = arguments.TextOrNull(2, "end") ?? TracedText.Template("...");
        long length = arguments.Integer(0, "length", 255), leeway = arguments.Integer(3, "leeway", 5), kept = length - Sequences.Count(rendering, end);
        if (kept < 0) throw rendering.Fail("truncate: expected a length of at least that of the end");
        if (leeway < 0) throw rendering.Fail("truncate: expected a leeway of at least 0");
        if (Sequences.Count(rendering, value) - leeway <= length) return value;
        if (value is not TracedText text) throw rendering.Fail($"truncate: expected a string, found {Operators.TypeName(value)}");
        TracedText beginning = StringMethods.Part(rendering, text, 0, Sequences.Offset(text.Value, 0, kept));
        if (!arguments.Flag(1, "killwords") && beginning.Value.LastIndexOf(' ') is >= 0 and int space) beginning = beginning.Substring(0, space);
        return Operators.Add(rendering, beginning, end);
    }

    /// <summary>A string, or the pairs of a dictionary or list as a query.</summary>
    private static TracedText UrlEncode(Rendering rendering, object? value, Arguments arguments)
    {
        if (value is not (JinjaDict or JinjaList or Undefined)) return Quoted(rendering, value, isQuery: false);
        var builder = new TextBuilder(rendering);
        Globals.CopyEntries(rendering, value, (key, item) =>
        {
            if (builder.Length > 0) builder.Append("&");
            builder.Append(Quoted(rendering, key.Value, isQuery: true));
            builder.Append("=");
            builder.Append(Quoted(rendering, item, isQuery: true));
        });
        return builder.ToText();
    }

    private static TracedText Quoted(Rendering rendering, object? value, bool isQuery)
    {
        TracedText text = PythonText.Str(rendering, value);
        rendering.Charge(text.Length * 9L); // three bytes of a character, three letters each
        string quoted = Uri.EscapeDataString(text.Value);
        quoted = isQuery ? quoted.Replace("%20", "+", StringComparison.Ordinal) : quoted.Replace("%2F", "/", StringComparison.Ordinal);
        return TracedText.Of(quoted, text.AnyFromUser);
    }

    /// <summary>Unlike Python's title(), only spaces, hyphens and opening brackets begin a word.</summary>
    private static string Title(string text)
    {
        var title = new StringBuilder(text.Length);
        for (int at = 0; at < text.Length;)
        {
            int end = at;
            while (end < text.Length && !BeginsWord(text[end])) end++;
            if (end > at)
            {
                int first = Sequences.CharacterLength(text, at);
                title.Append(CaseMapping.Upper(text.Substring(at, first))).Append(CaseMapping.Lower(text[(at + first)..end]));
            }
            for (at = end; at < text.Length && BeginsWord(text[at]); at++) title.Append(text[at]);
        }
        return title.ToString();
    }

    private static bool BeginsWord(char c) => CharacterClass.IsSpace(c) || c is '-' or '(' or '{' or '[' or '<';
}
