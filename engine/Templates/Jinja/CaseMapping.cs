using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Upper and lower case as Python maps it: by Unicode's full mapping, which can make several characters of one.</summary>
internal static class CaseMapping
{
    private const int CapitalSigma = 0x3A3; // its lower case at a word's end is another

    /// <summary>A character, its upper case, and after a slash its title case if that is another of several characters.</summary>
    private const string Several =
        "\u00DFSS/Ss \u0149\u02BCN \u01F0J\u030C \u0390\u0399\u0308\u0301 \u03B0\u03A5\u0308\u0301 " +
        "\u0587\u0535\u0552/\u0535\u0582 \u1E96H\u0331 \u1E97T\u0308 \u1E98W\u030A \u1E99Y\u030A \u1E9AA\u02BE \u1F50\u03A5\u0313 " +
        "\u1F52\u03A5\u0313\u0300 \u1F54\u03A5\u0313\u0301 \u1F56\u03A5\u0313\u0342 \u1F80\u1F08\u0399 \u1F81\u1F09\u0399 " +
        "\u1F82\u1F0A\u0399 \u1F83\u1F0B\u0399 \u1F84\u1F0C\u0399 \u1F85\u1F0D\u0399 \u1F86\u1F0E\u0399 \u1F87\u1F0F\u0399 " +
        "\u1F88\u1F08\u0399 \u1F89\u1F09\u0399 \u1F8A\u1F0A\u0399 \u1F8B\u1F0B\u0399 \u1F8C\u1F0C\u0399 \u1F8D\u1F0D\u0399 " +
        "\u1F8E\u1F0E\u0399 \u1F8F\u1F0F\u0399 \u1F90\u1F28\u0399 \u1F91\u1F29\u0399 \u1F92\u1F2A\u0399 \u1F93\u1F2B\u0399 " +
        "\u1F94\u1F2C\u0399 \u1F95\u1F2D\u0399 \u1F96\u1F2E\u0399 \u1F97\u1F2F\u0399 \u1F98\u1F28\u0399 \u1F99\u1F29\u0399 " +
        "\u1F9A\u1F2A\u0399 \u1F9B\u1F2B\u0399 \u1F9C\u1F2C\u0399 \u1F9D\u1F2D\u0399 \u1F9E\u1F2E\u0399 \u1F9F\u1F2F\u0399 " +
        "\u1FA0\u1F68\u0399 \u1FA1\u1F69\u0399 \u1FA2\u1F6A\u0399 \u1FA3\u1F6B\u0399 \u1FA4\u1F6C\u0399 \u1FA5\u1F6D\u0399 " +
        "\u1FA6\u1F6E\u0399 \u1FA7\u1F6F\u0399 \u1FA8\u1F68\u0399 \u1FA9\u1F69\u0399 \u1FAA\u1F6A\u0399 \u1FAB\u1F6B\u0399 " +
        "\u1FAC\u1F6C\u0399 \u1FAD\u1F6D\u0399 \u1FAE\u1F6E\u0399 \u1FAF\u1F6F\u0399 \u1FB2\u1FBA\u0399/\u1FBA\u0345 " +
        "\u1FB3\u0391\u0399 \u1FB4\u0386\u0399/\u0386\u0345 \u1FB6\u0391\u0342 \u1FB7\u0391\u0342\u0399/\u0391\u0342\u0345 " +
        "\u1FBC\u0391\u0399 \u1FC2\u1FCA\u0399/\u1FCA\u0345 \u1FC3\u0397\u0399 \u1FC4\u0389\u0399/\u0389\u0345 \u1FC6\u0397\u0342 " +
        "\u1FC7\u0397\u0342\u0399/\u0397\u0342\u0345 \u1FCC\u0397\u0399 \u1FD2\u0399\u0308\u0300 \u1FD3\u0399\u0308\u0301 " +
        "\u1FD6\u0399\u0342 \u1FD7\u0399\u0308\u0342 \u1FE2\u03A5\u0308\u0300 \u1FE3\u03A5\u0308\u0301 \u1FE4\u03A1\u0313 " +
        "\u1FE6\u03A5\u0342 \u1FE7\u03A5\u0308\u0342 \u1FF2\u1FFA\u0399/\u1FFA\u0345 \u1FF3\u03A9\u0399 " +
        "\u1FF4\u038F\u0399/\u038F\u0345 \u1FF6\u03A9\u0342 \u1FF7\u03A9\u0342\u0399/\u03A9\u0342\u0345 \u1FFC\u03A9\u0399 " +
        "\uFB00FF/Ff \uFB01FI/Fi \uFB02FL/Fl \uFB03FFI/Ffi \uFB04FFL/Ffl \uFB05ST/St \uFB06ST/St \uFB13\u0544\u0546/\u0544\u0576 " +
        "\uFB14\u0544\u0535/\u0544\u0565 \uFB15\u0544\u053B/\u0544\u056B \uFB16\u054E\u0546/\u054E\u0576 " +
        "\uFB17\u0544\u053D/\u0544\u056D";

    private static readonly Dictionary<int, (string Upper, string Title)> s_several = Several.Split(' ').ToDictionary(
        entry => (int)entry[0],
        entry => entry[1..].Split('/') is [var upper, var title] ? (upper, title) : (entry[1..], OneTitle(entry)));

    public static string Upper(string text) => Map(text, (rune, _) => Upper(rune));

    public static string Lower(string text) => Map(text, (rune, at) => Lower(text, rune, at));

    /// <summary>The first character in title case, the others in lower case.</summary>
    public static string Capitalize(string text) => Map(text, (rune, at) => at == 0 ? Title(rune) : Lower(text, rune, at));

    /// <summary>A letter after one that has no case begins a word.</summary>
    public static string Title(string text)
    {
        bool inWord = false;
        return Map(text, (rune, at) =>
        {
            string mapped = inWord ? Lower(text, rune, at) : Title(rune);
            inWord = CharacterClass.IsCased(rune);
            return mapped;
        });
    }

    public static string SwapCase(string text) => Map(text, (rune, at) =>
        CharacterClass.IsUpper(rune) ? Lower(text, rune, at) : CharacterClass.IsLower(rune) ? Upper(rune) : rune.ToString());

    /// <summary>For comparison without regard to case.</summary>
    public static string Fold(string text) => Map(text, (rune, _) => rune.Value switch
    {
        0x131 => rune.ToString(),
        0x1E9E => "ss",
        (>= 0x13A0 and <= 0x13FD) or (>= 0xAB70 and <= 0xABBF) => Upper(rune), // Cherokee
        _ => string.Concat(Upper(rune).EnumerateRunes().Select(Lower)),
    });

    private static string Upper(Rune rune) => s_several.TryGetValue(rune.Value, out (string Upper, string Title) several) ? several.Upper
        : rune.Value switch { 0x131 => "I", 0x17F => "S", _ => Rune.ToUpperInvariant(rune).ToString() };

    private static string Title(Rune rune) => s_several.TryGetValue(rune.Value, out (string Upper, string Title) several) ? several.Title : rune.Value switch
    {
        >= 0x1C4 and <= 0x1C6 => "\u01C5",
        >= 0x1C7 and <= 0x1C9 => "\u01C8",
        >= 0x1CA and <= 0x1CC => "\u01CB",
        >= 0x1F1 and <= 0x1F3 => "\u01F2",
        >= 0x10D0 and <= 0x10FF => rune.ToString(), // Georgian has no title case
        _ => Upper(rune),
    };

    private static string Lower(Rune rune) => rune.Value switch
    {
        0x130 => "i\u0307",
        0x1E9E => "\u00DF",
        0x2126 => "\u03C9",
        0x212A => "k",
        0x212B => "\u00E5",
        _ => Rune.ToLowerInvariant(rune).ToString(),
    };

    private static string Lower(string text, Rune rune, int at) => rune.Value == CapitalSigma && EndsWord(text, at) ? "\u03C2" : Lower(rune);

    private static bool EndsWord(string text, int at)
    {
        Rune? before = null, after = null;
        for (int i = at; i > 0 && before is null; )
        {
            Rune.DecodeLastFromUtf16(text.AsSpan(0, i), out Rune rune, out int length);
            i -= length;
            if (!CharacterClass.IsCaseIgnorable(rune)) before = rune;
        }
        for (int i = at + 1; i < text.Length && after is null; )
        {
            Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int length);
            i += length;
            if (!CharacterClass.IsCaseIgnorable(rune)) after = rune;
        }
        return before is { } left && CharacterClass.IsCased(left) && !(after is { } right && CharacterClass.IsCased(right));
    }

    /// <summary>Half a surrogate pair stays as it is.</summary>
    private static string Map(string text, Func<Rune, int, string> map)
    {
        var mapped = new StringBuilder(text.Length);
        for (int at = 0; at < text.Length;)
        {
            bool isWhole = Rune.TryGetRuneAt(text, at, out Rune rune);
            if (isWhole) mapped.Append(map(rune, at));
            else mapped.Append(text[at]);
            at += isWhole ? rune.Utf16SequenceLength : 1;
        }
        return mapped.ToString();
    }

    private static string OneTitle(string entry) => Rune.ToUpperInvariant(new Rune(entry[0])) is var simple && simple.Value != entry[0] ? simple.ToString()
        : entry[0] is >= '\u1F88' and <= '\u1FFC' && entry[^1] == '\u0399' ? entry[..1]
        : entry[1..];
}
