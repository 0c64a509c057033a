using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>What a loop goes over.</summary>
internal static class Sequences
{
    /// <summary>A copy: what the loop does to the list does not change the loop. An iterator has nothing left after it.</summary>
    public static List<object?> ToList(Rendering rendering, object? value)
    {
        List<object?> items = value switch
        {
            JinjaList list => [.. list.Items],
            JinjaDict dict => [.. dict.Items.Keys.Select(key => key.Value)],
            TracedText text => [.. Characters(rendering, text)],
            Undefined => [],
            _ => throw rendering.Fail($"cannot go over {Operators.TypeName(value)}"),
        };
        rendering.Step(items.Count);
        if (value is JinjaList { Kind: SequenceKind.Iterator } iterator) iterator.Items.Clear();
        return items;
    }

    public static JinjaList Iterator(List<object?> items) => new(items, SequenceKind.Iterator);

    /// <summary>The first item, which an iterator has no more after it; undefined if there is none.</summary>
    public static object? First(Rendering rendering, object? value)
    {
        if (value is TracedText { Length: > 0 } text) return text.Substring(0, CharacterLength(text.Value, 0)).AsMarkup(false);
        List<object?> items = value is JinjaList list ? list.Items : ToList(rendering, value);
        if (items.Count == 0) return new Undefined("the first item of nothing");
        object? first = items[0];
        if (value is JinjaList { Kind: SequenceKind.Iterator })
        {
            rendering.Step(items.Count / 64);
            items.RemoveAt(0);
        }
        return first;
    }

    /// <summary>The place some code points after another.</summary>
    public static int Offset(string text, int from, long count)
    {
        int at = from;
        for (; count > 0 && at < text.Length; count--) at += CharacterLength(text, at);
        return at;
    }

    /// <summary>2 where a pair of surrogates begins, else 1.</summary>
    public static int CharacterLength(string text, int at) => at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 2 : 1;

    /// <summary>One text for each code point, as Python counts.</summary>
    public static List<TracedText> Characters(Rendering rendering, TracedText text)
    {
        const int Overhead = 32;
        rendering.Charge((long)text.Length * Overhead);
        text = text.AsMarkup(false);
        var characters = new List<TracedText>(text.Length);
        for (int i = 0; i < text.Length;)
        {
            int length = CharacterLength(text.Value, i);
            characters.Add(text.Substring(i, length));
            i += length;
        }
        return characters;
    }

    public static long Count(Rendering rendering, object? value) => value switch
    {
        TracedText text => CountRunes(rendering, text.Value),
        JinjaList { Kind: not SequenceKind.Iterator } list => list.Items.Count,
        JinjaDict dict => dict.Items.Count,
        LoopState loop => loop.Items.Count,
        Undefined => 0,
        _ => throw rendering.Fail($"length: expected a string or a container, found {Operators.TypeName(value)}"),
    };

    private static long CountRunes(Rendering rendering, string text)
    {
        rendering.Scan(text.Length);
        long count = 0;
        foreach (Rune _ in text.EnumerateRunes()) count++;
        return count;
    }
}
