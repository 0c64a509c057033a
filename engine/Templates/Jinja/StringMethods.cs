using System.Globalization;

namespace Edge.Llm.Templates.Jinja;

/// <summary>The methods of Python's strings.</summary>
internal static class StringMethods
{
    public static readonly Dictionary<string, Func<Rendering, TracedText, Arguments, object?>> Table = new()
    {
        ["strip"] = (r, text, a) => Strip(r, text, a.TextOrNull(0, "chars"), true, true),
        ["lstrip"] = (r, text, a) => Strip(r, text, a.TextOrNull(0, "chars"), true, false),
        ["rstrip"] = (r, text, a) => Strip(r, text, a.TextOrNull(0, "chars"), false, true),
        ["upper"] = (r, text, _) => Map(r, text, text.Value.ToUpperInvariant()),
        ["lower"] = (r, text, _) => Map(r, text, text.Value.ToLowerInvariant()),
        ["title"] = (r, text, _) => Map(r, text, Title(text.Value)),
        ["capitalize"] = (r, text, _) => Capitalize(r, text),
        ["swapcase"] = (r, text, _) => Map(r, text,
            string.Concat(text.Value.Select(c => char.IsUpper(c) ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c)))),
        ["startswith"] = (r, text, a) => Affixes(r, a).Any(affix => text.Value.StartsWith(affix, StringComparison.Ordinal)),
        ["endswith"] = (r, text, a) => Affixes(r, a).Any(affix => text.Value.EndsWith(affix, StringComparison.Ordinal)),
        ["removeprefix"] = (r, text, a) => a.Text(0, "prefix") is var prefix && text.Value.StartsWith(prefix.Value, StringComparison.Ordinal)
            ? Part(r, text, prefix.Length, text.Length - prefix.Length) : text,
        ["removesuffix"] = (r, text, a) => a.Text(0, "suffix") is var suffix && text.Value.EndsWith(suffix.Value, StringComparison.Ordinal)
            ? Part(r, text, 0, text.Length - suffix.Length) : text,
        ["split"] = (r, text, a) => Splitting.Split(r, text, a.TextOrNull(0, "sep"), a.Integer(1, "maxsplit", -1)),
        ["rsplit"] = (r, text, a) => Splitting.SplitFromEnd(r, text, a.TextOrNull(0, "sep"), a.Integer(1, "maxsplit", -1)),
        ["splitlines"] = (r, text, _) => Splitting.Lines(r, text),
        ["partition"] = (r, text, a) => Splitting.Partition(r, text, a.Text(0, "sep")),
        ["replace"] = (r, text, a) => Replace(r, text, a.Text(0, "old"), a.Text(1, "new"), a.Integer(2, "count", -1)),
        ["join"] = (r, text, a) => Join(r, Sequences.ToList(r, a.Demand(0, "iterable")), text, strict: true),
        ["find"] = (r, text, a) => Find(r, text, a.Text(0, "sub"), last: false),
        ["rfind"] = (r, text, a) => Find(r, text, a.Text(0, "sub"), last: true),
        ["count"] = (r, text, a) => Splitting.Split(r, text, a.Text(0, "sub"), -1).Items.Count - 1L,
        ["format"] = StringFormat.Braces,
        ["isdigit"] = (_, text, _) => text.Length > 0 && text.Value.All(char.IsDigit),
        ["isalpha"] = (_, text, _) => text.Length > 0 && text.Value.All(char.IsLetter),
        ["isalnum"] = (_, text, _) => text.Length > 0 && text.Value.All(char.IsLetterOrDigit),
        ["isspace"] = (_, text, _) => text.Length > 0 && text.Value.All(IsSpace),
        ["isupper"] = (_, text, _) => text.Value.Any(char.IsUpper) && !text.Value.Any(char.IsLower),
        ["islower"] = (_, text, _) => text.Value.Any(char.IsLower) && !text.Value.Any(char.IsUpper),
        ["zfill"] = (r, text, a) => Operators.Concat(r,
            TracedText.Template(new string('0', (int)Math.Clamp(a.Integer(0, "width", 0) - text.Length, 0, 4096))), text),
    };

    public static TracedText Strip(Rendering rendering, TracedText text, TracedText? characters, bool left, bool right)
    {
        bool Drops(char c) => characters is null ? IsSpace(c) : characters.Value.Contains(c, StringComparison.Ordinal);
        int start = 0, end = text.Length;
        while (left && start < end && Drops(text.Value[start])) start++;
        while (right && end > start && Drops(text.Value[end - 1])) end--;
        return Part(rendering, text, start, end - start);
    }

    public static TracedText Part(Rendering rendering, TracedText text, int start, int length)
    {
        rendering.Charge(length);
        return text.Substring(start, length);
    }

    /// <summary>Python's white space has four separators more than .NET's.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';

    public static TracedText Capitalize(Rendering rendering, TracedText text) =>
        Map(rendering, text, text.Length == 0 ? "" : char.ToUpperInvariant(text.Value[0]) + text.Value[1..].ToLowerInvariant());

    public static TracedText Map(Rendering rendering, TracedText text, string mapped)
    {
        rendering.Charge(text.Length);
        return text.WithCharacters(mapped);
    }

    public static TracedText Replace(Rendering rendering, TracedText text, TracedText old, TracedText replacement, long count)
    {
        if (count < 0) count = long.MaxValue;
        rendering.ChargeSearch(text.Length, old.Length);
        var builder = new TextBuilder(rendering);
        int at = 0;
        for (; count > 0; count--)
        {
            // An empty pattern stands before each character and at the end.
            int found = old.Length > 0 ? text.Value.IndexOf(old.Value, at, StringComparison.Ordinal) : at <= text.Length ? at : -1;
            if (found < 0) break;
            builder.Append(text, at, found - at);
            builder.Append(replacement);
            if (old.Length == 0 && found < text.Length) builder.Append(text, found, 1);
            at = found + Math.Max(old.Length, 1);
        }
        if (at == 0) return text;
        if (at < text.Length) builder.Append(text, at, text.Length - at);
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

    private static long Find(Rendering rendering, TracedText text, TracedText part, bool last)
    {
        rendering.ChargeSearch(text.Length, part.Length);
        int at = last ? text.Value.LastIndexOf(part.Value, StringComparison.Ordinal) : text.Value.IndexOf(part.Value, StringComparison.Ordinal);
        return at < 0 ? -1L : Sequences.Count(rendering, text.Substring(0, at));
    }

    private static IEnumerable<string> Affixes(Rendering rendering, Arguments arguments)
    {
        object? affix = arguments.Demand(0, "affix");
        return affix is TracedText text ? [text.Value]
            : affix is JinjaList list && list.Items.TrueForAll(item => item is TracedText) ? list.Items.Select(item => ((TracedText)item!).Value)
            : throw rendering.Fail($"startswith, endswith: expected a string or a tuple of strings, found {Operators.TypeName(affix)}");
    }

    private static string Title(string text)
    {
        bool inWord = false;
        return string.Create(text.Length, text, (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = inWord ? char.ToLowerInvariant(source[i]) : char.ToUpperInvariant(source[i]);
                inWord = char.GetUnicodeCategory(source[i]) <= UnicodeCategory.OtherLetter;
            }
        });
    }
}
