using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>The methods of Python's strings.</summary>
internal static class StringMethods
{
    public static readonly Dictionary<string, Operation<TracedText, object?>> Table = new()
    {
        ["strip"] = new("chars /", (r, text, a) => Strip(r, text, a.TextOrNull(0, "chars"), true, true)),
        ["lstrip"] = new("chars /", (r, text, a) => Strip(r, text, a.TextOrNull(0, "chars"), true, false)),
        ["rstrip"] = new("chars /", (r, text, a) => Strip(r, text, a.TextOrNull(0, "chars"), false, true)),
        ["upper"] = new("", (r, text, _) => Map(r, text, CaseMapping.Upper)),
        ["lower"] = new("", (r, text, _) => Map(r, text, CaseMapping.Lower)),
        ["title"] = new("", (r, text, _) => Map(r, text, CaseMapping.Title)),
        ["capitalize"] = new("", (r, text, _) => Map(r, text, CaseMapping.Capitalize)),
        ["swapcase"] = new("", (r, text, _) => Map(r, text, CaseMapping.SwapCase)),
        ["casefold"] = new("", (r, text, _) => Map(r, text, CaseMapping.Fold)),
        ["startswith"] = new("prefix start end /", (r, text, a) => Searching.HasAffix(r, text, a, atEnd: false)),
        ["endswith"] = new("suffix start end /", (r, text, a) => Searching.HasAffix(r, text, a, atEnd: true)),
        ["removeprefix"] = new("prefix /", (r, text, a) => a.Text(0, "prefix") is var prefix && text.Value.StartsWith(prefix.Value, StringComparison.Ordinal)
            ? Part(r, text, prefix.Length, text.Length - prefix.Length) : text),
        ["removesuffix"] = new("suffix /", (r, text, a) => a.Text(0, "suffix") is var suffix && text.Value.EndsWith(suffix.Value, StringComparison.Ordinal)
            ? Part(r, text, 0, text.Length - suffix.Length) : text),
        ["split"] = new("sep maxsplit", (r, text, a) => Splitting.Split(r, text, a.TextOrNull(0, "sep"), a.Integer(1, "maxsplit", -1))),
        ["rsplit"] = new("sep maxsplit", (r, text, a) => Splitting.SplitFromEnd(r, text, a.TextOrNull(0, "sep"), a.Integer(1, "maxsplit", -1))),
        ["splitlines"] = new("keepends", (r, text, a) => Splitting.Lines(r, text, a.Flag(0, "keepends"))),
        ["partition"] = new("sep /", (r, text, a) => Splitting.Partition(r, text, a.Text(0, "sep"), fromEnd: false)),
        ["rpartition"] = new("sep /", (r, text, a) => Splitting.Partition(r, text, a.Text(0, "sep"), fromEnd: true)),
        ["replace"] = new("old new count /", (r, text, a) => Replace(r, text, a.Text(0, "old"), a.Text(1, "new"), a.Integer(2, "count", -1))),
        ["join"] = new("iterable /", (r, text, a) => Join(r, Sequences.ToList(r, a.Demand(0, "iterable")), text, strict: true)),
        ["find"] = new("sub start end /", (r, text, a) => Searching.Find(r, text, a, fromEnd: false)),
        ["rfind"] = new("sub start end /", (r, text, a) => Searching.Find(r, text, a, fromEnd: true)),
        ["index"] = new("sub start end /", (r, text, a) => Searching.Index(r, text, a, fromEnd: false)),
        ["rindex"] = new("sub start end /", (r, text, a) => Searching.Index(r, text, a, fromEnd: true)),
        ["count"] = new("sub start end /", (r, text, a) => Searching.Count(r, text, a)),
        ["format"] = new("*", BraceFormat.Format),
        ["format_map"] = new("mapping /", BraceFormat.FormatMap),
        ["ljust"] = new("width fillchar /", (r, text, a) => Padding.Justify(r, text, a, -1)),
        ["rjust"] = new("width fillchar /", (r, text, a) => Padding.Justify(r, text, a, 1)),
        ["center"] = new("width fillchar /", (r, text, a) => Padding.Justify(r, text, a, 0)),
        ["zfill"] = new("width /", (r, text, a) => Padding.ZeroFill(r, text, a.Integer(0, "width"))),
        ["expandtabs"] = new("tabsize", (r, text, a) => Padding.ExpandTabs(r, text, a.Integer(0, "tabsize", 8))),
        ["isalpha"] = new("", (_, text, _) => CharacterClass.All(text.Value, CharacterClass.IsAlpha)),
        ["isdecimal"] = new("", (_, text, _) => CharacterClass.All(text.Value, CharacterClass.IsDecimal)),
        ["isdigit"] = new("", (_, text, _) => CharacterClass.All(text.Value, CharacterClass.IsDigit)),
        ["isnumeric"] = new("", (_, text, _) => CharacterClass.All(text.Value, CharacterClass.IsNumeric)),
        ["isalnum"] = new("", (_, text, _) => CharacterClass.All(text.Value, CharacterClass.IsAlphanumeric)),
        ["isspace"] = new("", (_, text, _) => text.Length > 0 && text.Value.All(CharacterClass.IsSpace)),
        ["isprintable"] = new("", (_, text, _) => text.Length == 0 || CharacterClass.All(text.Value, CharacterClass.IsPrintable)),
        ["isascii"] = new("", (_, text, _) => Ascii.IsValid(text.Value)),
        ["isidentifier"] = new("", (_, text, _) => CharacterClass.IsIdentifier(text.Value)),
        ["isupper"] = new("", (_, text, _) => CharacterClass.IsUpper(text.Value)),
        ["islower"] = new("", (_, text, _) => CharacterClass.IsLower(text.Value)),
        ["istitle"] = new("", (_, text, _) => CharacterClass.IsTitle(text.Value)),
    };

    public static TracedText Strip(Rendering rendering, TracedText text, TracedText? characters, bool left, bool right)
    {
        HashSet<Rune>? set = characters is null ? null : [.. characters.Value.EnumerateRunes()];
        bool Drops(Rune rune) => set is null ? rune.IsBmp && CharacterClass.IsSpace((char)rune.Value) : set.Contains(rune);
        int start = 0, end = text.Length;
        while (left && start < end)
        {
            Rune.DecodeFromUtf16(text.Value.AsSpan(start, end - start), out Rune rune, out int length);
            if (!Drops(rune)) break;
            start += length;
        }
        while (right && end > start)
        {
            Rune.DecodeLastFromUtf16(text.Value.AsSpan(start, end - start), out Rune rune, out int length);
            if (!Drops(rune)) break;
            end -= length;
        }
        if (characters is not null) rendering.Charge(characters.Length);
        return Part(rendering, text, start, end - start);
    }

    public static TracedText Part(Rendering rendering, TracedText text, int start, int length)
    {
        rendering.Charge(length);
        return text.Substring(start, length);
    }

    /// <summary>Other characters for the same text; where their number differs, all count as the caller's if one did.</summary>
    public static TracedText Map(Rendering rendering, TracedText text, Func<string, string> map)
    {
        const int MostOfOne = 3; // characters, by Unicode's full case mapping
        rendering.Charge((long)text.Length * MostOfOne);
        return text.WithCharacters(map(text.Value));
    }

    public static TracedText Replace(Rendering rendering, TracedText text, TracedText old, TracedText replacement, long count)
    {
        if (count < 0) count = long.MaxValue;
        rendering.ChargeSearch(text.Length, old.Length);
        var builder = new TextBuilder(rendering);
        int from = 0, at = 0;
        for (; count > 0; count--)
        {
            // An empty pattern stands before each character and at the end.
            int found = old.Length > 0 ? text.Value.IndexOf(old.Value, at, StringComparison.Ordinal) : at <= text.Length ? at : -1;
            if (found < 0) break;
            builder.Append(text, from, found - from);
            builder.Append(replacement);
            (from, at) = (found + old.Length, found + (old.Length > 0 ? old.Length : Sequences.CharacterLength(text.Value, found)));
        }
        if (at == 0) return text;
        builder.Append(text, from, text.Length - from);
        return builder.ToText();
    }

    public static TracedText Join(Rendering rendering, List<object?> items, TracedText separator, bool strict = false)
    {
        var builder = new TextBuilder(rendering);
        for (int i = 0; i < items.Count; i++)
        {
            if (strict && items[i] is not TracedText) throw rendering.Fail($"join: expected a string, found {Operators.TypeName(items[i])}");
            if (i > 0) builder.Append(separator);
            builder.Append(PythonText.Str(rendering, items[i]));
        }
        return builder.ToText();
    }
}
