namespace Edge.Llm.Templates.Jinja;

/// <summary>The string methods that cut.</summary>
internal static class Splitting
{
    public static JinjaList Split(Rendering rendering, TracedText text, TracedText? separator, long most)
    {
        if (most < 0) most = long.MaxValue;
        if (separator is null) return SplitAtSpace(rendering, text, most);
        CheckSeparator(rendering, text, separator);
        var parts = new List<object?>();
        int at = 0;
        for (int found; parts.Count < most && (found = text.Value.IndexOf(separator.Value, at, StringComparison.Ordinal)) >= 0; at = found + separator.Length)
            Add(rendering, parts, text, at, found);
        Add(rendering, parts, text, at, text.Length);
        return new JinjaList(parts);
    }

    public static JinjaList SplitFromEnd(Rendering rendering, TracedText text, TracedText? separator, long most)
    {
        if (most < 0) return Split(rendering, text, separator, most);
        if (separator is null) return SplitAtSpaceFromEnd(rendering, text, most);
        CheckSeparator(rendering, text, separator);
        var parts = new List<object?>();
        int end = text.Length;
        while (parts.Count < most && end >= separator.Length)
        {
            int found = text.Value.AsSpan(0, end).LastIndexOf(separator.Value);
            if (found < 0) break;
            Add(rendering, parts, text, found + separator.Length, end);
            end = found;
        }
        Add(rendering, parts, text, 0, end);
        parts.Reverse();
        return new JinjaList(parts);
    }

    public static JinjaList Lines(Rendering rendering, TracedText text, bool keepEnds)
    {
        var lines = new List<object?>();
        int at = 0;
        while (at < text.Length)
        {
            int length = text.Value.AsSpan(at).IndexOfAny(CharacterClass.LineEndings);
            int end = length < 0 ? text.Length : at + length;
            int next = Math.Min(text.Length, end + (text.Value.AsSpan(end).StartsWith("\r\n") ? 2 : 1));
            Add(rendering, lines, text, at, keepEnds ? next : end);
            at = next;
        }
        return new JinjaList(lines);
    }

    public static JinjaList Partition(Rendering rendering, TracedText text, TracedText separator, bool fromEnd)
    {
        CheckSeparator(rendering, text, separator);
        int found = fromEnd
            ? text.Value.LastIndexOf(separator.Value, StringComparison.Ordinal)
            : text.Value.IndexOf(separator.Value, StringComparison.Ordinal);
        rendering.Charge(text.Length);
        int after = found + separator.Length;
        object?[] parts = found < 0
            ? fromEnd ? [TracedText.Empty, TracedText.Empty, text] : [text, TracedText.Empty, TracedText.Empty]
            : [text.Substring(0, found), text.Substring(found, separator.Length), text.Substring(after, text.Length - after)];
        return new JinjaList([.. parts], SequenceKind.Tuple);
    }

    private static JinjaList SplitAtSpace(Rendering rendering, TracedText text, long most)
    {
        var parts = new List<object?>();
        int at = 0;
        while (true)
        {
            while (at < text.Length && CharacterClass.IsSpace(text.Value[at])) at++;
            if (at == text.Length) return new JinjaList(parts);
            int end = at;
            while (end < text.Length && (parts.Count >= most || !CharacterClass.IsSpace(text.Value[end]))) end++;
            Add(rendering, parts, text, at, end);
            at = end;
        }
    }

    private static JinjaList SplitAtSpaceFromEnd(Rendering rendering, TracedText text, long most)
    {
        var parts = new List<object?>();
        int end = text.Length;
        while (true)
        {
            while (end > 0 && CharacterClass.IsSpace(text.Value[end - 1])) end--;
            if (end == 0) break;
            int start = end;
            while (start > 0 && (parts.Count >= most || !CharacterClass.IsSpace(text.Value[start - 1]))) start--;
            Add(rendering, parts, text, start, end);
            end = start;
        }
        parts.Reverse();
        return new JinjaList(parts);
    }

    private static void Add(Rendering rendering, List<object?> parts, TracedText text, int start, int end)
    {
        rendering.Step();
        parts.Add(StringMethods.Part(rendering, text, start, end - start));
    }

    private static void CheckSeparator(Rendering rendering, TracedText text, TracedText separator)
    {
        if (separator.Length == 0) throw rendering.Fail("the separator is empty");
        rendering.ChargeSearch(text.Length, separator.Length);
    }
}
