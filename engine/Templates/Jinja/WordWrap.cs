using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>The wordwrap filter: Python's textwrap, line by line.</summary>
internal static class WordWrap
{
    private const string Spaces = "\t\n\v\f\r ";

    public static object? Filter(Rendering rendering, object? value, Arguments arguments)
    {
        if (value is not TracedText text) throw rendering.Fail($"wordwrap: expected a string, found {Operators.TypeName(value)}");
        long width = arguments.Integer(0, "width", 79);
        bool breakLong = !arguments.TryGet(1, "break_long_words", out _) || arguments.Flag(1, "break_long_words");
        bool breakHyphens = !arguments.TryGet(3, "break_on_hyphens", out _) || arguments.Flag(3, "break_on_hyphens");
        TracedText separator = arguments.TextOrNull(2, "wrapstring") ?? TracedText.Template("\n");
        var wrapped = new TextBuilder(rendering);
        bool first = true;
        foreach (object? line in Splitting.Lines(rendering, text, keepEnds: false).Items)
        {
            if (!first) wrapped.Append(separator);
            first = false;
            if (width <= 0) throw rendering.Fail("wordwrap: expected a width above 0");
            Wrap(rendering, wrapped, (TracedText)line!, width, breakLong, breakHyphens, separator);
        }
        return wrapped.ToText();
    }

    private static void Wrap(Rendering rendering, TextBuilder wrapped, TracedText line, long width, bool breakLong, bool breakHyphens, TracedText separator)
    {
        Stack<(int Start, int End)> chunks = new(Chunks(rendering, line.Value, breakHyphens).AsEnumerable().Reverse());
        bool isFirst = true;
        while (chunks.Count > 0)
        {
            if (!isFirst && IsBlank(line.Value, chunks.Peek())) chunks.Pop();
            List<(int Start, int End)> taken = [];
            long room = width;
            while (chunks.Count > 0 && Length(line.Value, chunks.Peek(), room) is var length && length <= room)
            {
                taken.Add(chunks.Pop());
                room -= length;
            }
            if (chunks.Count > 0 && Length(line.Value, chunks.Peek(), width) > width) BreakLong(line.Value, chunks, taken, room, breakLong, breakHyphens);
            if (taken.Count > 0 && IsBlank(line.Value, taken[^1])) taken.RemoveAt(taken.Count - 1);
            rendering.Step();
            if (taken.Count == 0) continue;
            if (!isFirst) wrapped.Append(separator);
            isFirst = false;
            wrapped.Append(line, taken[0].Start, taken[^1].End - taken[0].Start);
        }
    }

    /// <summary>Of a word that fits no line, as much as there is room for; all of it where words are not broken and the line is empty.</summary>
    private static void BreakLong(
        string line, Stack<(int Start, int End)> chunks, List<(int Start, int End)> taken, long room, bool breakLong, bool breakHyphens)
    {
        if (breakLong)
        {
            (int start, int end) = chunks.Pop();
            int cut = Sequences.Offset(line, start, room); // nothing where the line is full: as in Python, a space before it then stays
            if (breakHyphens && room > 0)
            {
                int hyphen = line.LastIndexOf('-', cut - 1, cut - start);
                if (hyphen > start && line.AsSpan(start, hyphen - start).ContainsAnyExcept('-')) cut = hyphen + 1;
            }
            taken.Add((start, cut));
            chunks.Push((cut, end));
        }
        else if (taken.Count == 0) taken.Add(chunks.Pop());
    }

    /// <summary>Spaces and words in turn; words are cut after hyphens between letters and before dashes.</summary>
    private static List<(int Start, int End)> Chunks(Rendering rendering, string line, bool atHyphens)
    {
        var chunks = new List<(int, int)>();
        for (int at = 0; at < line.Length;)
        {
            rendering.Step();
            int start = at;
            if (IsSpace(line[at]))
            {
                while (at < line.Length && IsSpace(line[at])) at++;
            }
            else if (atHyphens && line[at] == '-' && start > 0 && IsPunctuated(line[start - 1]) && DashEnd(line, at) is > 0 and int dash) at = dash;
            else
            {
                at++;
                while (at < line.Length && !IsSpace(line[at]) && !(atHyphens && (EndsAtHyphen(line, start, at) || EndsBeforeDash(line, at)))) at++;
            }
            chunks.Add((start, at));
        }
        return chunks;
    }

    /// <summary>A hyphen before here, with two letters before it, or a letter, and letters after it.</summary>
    private static bool EndsAtHyphen(string line, int start, int at)
    {
        if (at - start < 2 || line[at - 1] != '-') return false;
        bool after = IsLetter(line, at) && (IsLetter(line, at + 1) || (at + 1 < line.Length && line[at + 1] == '-' && IsLetter(line, at + 2)));
        bool twoLetters = IsLetter(line, at - 2) && IsLetter(line, at - 3);
        bool letterHyphenWord = at >= 4 && IsLetter(line, at - 4) && line[at - 3] == '-' && IsPunctuated(line[at - 2]);
        return after && (twoLetters || letterHyphenWord);
    }

    private static bool EndsBeforeDash(string line, int at) => line[at] == '-' && IsPunctuated(line[at - 1]) && DashEnd(line, at) > 0;

    /// <summary>The end of two or more hyphens that a word follows, or 0.</summary>
    private static int DashEnd(string line, int at)
    {
        int end = at;
        while (end < line.Length && line[end] == '-') end++;
        return end - at >= 2 && end < line.Length && IsWord(line[end]) ? end : 0;
    }

    private static bool IsBlank(string line, (int Start, int End) chunk) =>
        line.AsSpan(chunk.Start, chunk.End - chunk.Start).Trim(CharacterClass.Spaces).IsEmpty;

    /// <summary>The number of characters, counted no further than just beyond a limit.</summary>
    private static long Length(string line, (int Start, int End) chunk, long limit)
    {
        long length = 0;
        for (int at = chunk.Start; at < chunk.End && length <= limit; at += Sequences.CharacterLength(line, at)) length++;
        return length;
    }

    private static bool IsSpace(char c) => Spaces.Contains(c, StringComparison.Ordinal);

    private static bool IsWord(char c) => c == '_' || (Rune.TryCreate(c, out Rune rune) && CharacterClass.IsAlphanumeric(rune));

    private static bool IsPunctuated(char c) => IsWord(c) || c is '!' or '"' or '\'' or '&' or '.' or ',' or '?';

    private static bool IsLetter(string line, int at) => at >= 0 && at < line.Length
        && (line[at] == '_' || (IsWord(line[at]) && !CharacterClass.IsDecimal(new Rune(line[at]))));
}
