namespace Edge.Llm.Templates.Jinja;

/// <summary>Text that the filters escape and safe made. What is put to it is escaped; other text that meets it elsewhere is refused.</summary>
internal static class Markup
{
    // What these take stands in no result.
    private static readonly HashSet<string> s_queries =
        ["startswith", "endswith", "find", "rfind", "index", "rindex", "count", "split", "rsplit", "splitlines"];

    public static TracedText Escape(Rendering rendering, TracedText text)
    {
        text = text.AsMarkup(false);
        foreach ((string character, string entity) in new[] { ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;") })
            text = StringMethods.Replace(rendering, text, TracedText.Template(character), TracedText.Template(entity), -1);
        return text.AsMarkup();
    }

    /// <summary>A method of a string, whose texts are markup if the string is.</summary>
    public static object? Call(Rendering rendering, string name, Operation<TracedText, object?> method, TracedText text, Arguments arguments)
    {
        if (!text.IsMarkup) return method.Run(rendering, text, arguments);
        if (name is "format" or "format_map") throw rendering.Unsupported($"{name} of escaped text");
        if (!s_queries.Contains(name))
            foreach (object? value in arguments.Positional)
                CheckSafe(rendering, name, value);
        return Marked(method.Run(rendering, text, arguments));
    }

    private static void CheckSafe(Rendering rendering, string name, object? value)
    {
        if (value is TracedText { IsMarkup: false } text && text.Value.AsSpan().ContainsAny("&<>'\""))
            throw rendering.Unsupported($"{name} of escaped and other text");
        if (value is JinjaList { IsIndexable: true } list)
            foreach (object? item in list.Items)
                if (item is TracedText) CheckSafe(rendering, name, item);
    }

    private static object? Marked(object? value) => value switch
    {
        TracedText text => text.AsMarkup(),
        JinjaList list => new JinjaList(list.Items.ConvertAll(Marked), list.Kind),
        _ => value,
    };
}
