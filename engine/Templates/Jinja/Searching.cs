namespace Edge.Llm.Templates.Jinja;

/// <summary>The string methods that look for another string. Positions count characters as Python does.</summary>
internal static class Searching
{
    public static long Find(Rendering rendering, TracedText text, Arguments arguments, bool fromEnd)
    {
        TracedText part = arguments.Text(0, "sub");
        if (Window(rendering, text, arguments) is not (int start, int end)) return -1;
        rendering.ChargeSearch(end - start, part.Length);
        ReadOnlySpan<char> window = text.Value.AsSpan(start, end - start);
        int at = fromEnd ? window.LastIndexOf(part.Value) : window.IndexOf(part.Value);
        return at < 0 ? -1 : Sequences.Count(rendering, text.Substring(0, start + at));
    }

    public static long Index(Rendering rendering, TracedText text, Arguments arguments, bool fromEnd) =>
        Find(rendering, text, arguments, fromEnd) is >= 0 and long at ? at : throw rendering.Fail("index: the substring is not in the string");

    public static long Count(Rendering rendering, TracedText text, Arguments arguments)
    {
        TracedText part = arguments.Text(0, "sub");
        if (Window(rendering, text, arguments) is not (int start, int end)) return 0;
        if (part.Length == 0) return Sequences.Count(rendering, text.Substring(start, end - start)) + 1;
        rendering.ChargeSearch(end - start, part.Length);
        return text.Value.AsSpan(start, end - start).Count(part.Value);
    }

    public static bool HasAffix(Rendering rendering, TracedText text, Arguments arguments, bool atEnd)
    {
        object? given = arguments.Demand(0, "affix");
        List<object?> affixes = given is JinjaList { IsTuple: true } tuple ? tuple.Items : [given];
        if (!affixes.TrueForAll(affix => affix is TracedText))
            throw rendering.Fail($"startswith, endswith: expected a string or a tuple of strings, found {Operators.TypeName(given)}");
        if (Window(rendering, text, arguments) is not (int start, int end)) return false;
        return affixes.Exists(affix =>
        {
            string value = ((TracedText)affix!).Value;
            rendering.Scan(value.Length);
            ReadOnlySpan<char> window = text.Value.AsSpan(start, end - start);
            return atEnd ? window.EndsWith(value, StringComparison.Ordinal) : window.StartsWith(value, StringComparison.Ordinal);
        });
    }

    /// <summary>What the arguments start and end leave of the text; null if they leave less than nothing.</summary>
    private static (int Start, int End)? Window(Rendering rendering, TracedText text, Arguments arguments)
    {
        if (arguments.Get(1, "start") is null && arguments.Get(2, "end") is null) return (0, text.Length);
        long count = Sequences.Count(rendering, text);
        long start = FromEnd(arguments.Integer(1, "start", 0), count), end = Math.Min(FromEnd(arguments.Integer(2, "end", count), count), count);
        if (start > end) return null;
        int at = Sequences.Offset(text.Value, 0, start);
        return (at, Sequences.Offset(text.Value, at, end - start));
    }

    private static long FromEnd(long at, long count) => at < 0 ? Math.Max(0, at + count) : at;
}
