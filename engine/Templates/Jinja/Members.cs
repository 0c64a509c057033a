using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary><c>a.b</c>, <c>a[b]</c> and <c>a[b:c]</c>.</summary>
internal static class Members
{
    /// <summary>Methods come before entries, as with Python's attributes.</summary>
    public static object? Attribute(Rendering rendering, object? target, string name)
    {
        switch (target)
        {
            case JinjaNamespace names: return names.Items.TryGetValue(name, out object? member) ? member : Missing(name);
            case LoopState loop: return loop.Get(name);
            case Undefined undefined: throw rendering.Fail($"{undefined.What} is undefined, so it has no member '{name}'");
        }
        if (Method(target, name) is { } method) return method;
        return target is JinjaDict dict && dict.Items.TryGetValue(TracedText.Template(name), out object? value) ? value : Missing(name);
    }

    /// <summary>Entries come before methods.</summary>
    public static object? Item(Rendering rendering, object? target, object? index)
    {
        switch (target)
        {
            case JinjaDict dict:
                if (index is TracedText key) rendering.Scan(key.Length);
                if (index is not null && dict.Items.TryGetValue(index, out object? value)) return value;
                break;
            case JinjaList list when Operators.TryInteger(index, out long at):
                if (at < 0) at += list.Items.Count;
                return at >= 0 && at < list.Items.Count ? list.Items[(int)at] : new Undefined($"item {at} of a list of {list.Items.Count}");
            case TracedText text when Operators.TryInteger(index, out long at):
                long count = Sequences.Count(rendering, text);
                if (at < 0) at += count;
                return at >= 0 && at < count ? Part(rendering, text, at, at + 1) : new Undefined($"character {at} of a string of {count}");
        }
        return index is TracedText name ? Attribute(rendering, target, name.Value)
            : target is Undefined ? Attribute(rendering, target, PythonText.Repr(rendering, index).Value)
            : Missing(PythonText.Repr(rendering, index).Value);
    }

    public static object? Slice(Rendering rendering, object? target, object? start, object? stop, object? step)
    {
        long by = step is null ? 1 : Bound(rendering, step);
        if (by == 0) throw rendering.Fail("a slice's step is 0");
        switch (target)
        {
            case TracedText text when by == 1:
                (long first, long end) = Range(rendering, (int)Sequences.Count(rendering, text), start, stop, by);
                return Part(rendering, text, first, Math.Max(first, end));
            case TracedText text:
                var builder = new TextBuilder(rendering);
                foreach (TracedText character in Pick(rendering, Sequences.Characters(rendering, text), start, stop, by)) builder.Append(character);
                return builder.ToText();
            case JinjaList list: return new JinjaList(Pick(rendering, list.Items, start, stop, by), list.IsTuple);
            case Undefined undefined: throw rendering.Fail($"{undefined.What} is undefined, so it has no slice");
            default: throw rendering.Fail($"cannot slice {Operators.TypeName(target)}");
        }
    }

    /// <summary>The characters from one to another, counted as Python counts.</summary>
    private static TracedText Part(Rendering rendering, TracedText text, long first, long end)
    {
        rendering.Scan(text.Length);
        int start = Sequences.Offset(text.Value, 0, first), stop = Sequences.Offset(text.Value, start, end - first);
        return StringMethods.Part(rendering, text, start, stop - start);
    }

    /// <summary>A value as the key of a dictionary.</summary>
    public static object Key(Rendering rendering, object? key) => key switch
    {
        long or double or bool => key,
        TracedText text => Scanned(rendering, text),
        _ => throw rendering.Fail($"expected a string or a number as a key, found {Operators.TypeName(key)}"),
    };

    private static TracedText Scanned(Rendering rendering, TracedText text)
    {
        rendering.Scan(text.Length);
        return text;
    }

    private static JinjaFunction? Method(object? target, string name) => target switch
    {
        TracedText text when StringMethods.Table.TryGetValue(name, out var method) => new JinjaFunction(name, (r, a) => method(r, Scanned(r, text), a)),
        JinjaList list when ContainerMethods.OfList.TryGetValue(name, out var method) => new JinjaFunction(name, (r, a) => method(r, list, a)),
        JinjaDict dict when ContainerMethods.OfDict.TryGetValue(name, out var method) => new JinjaFunction(name, (r, a) => method(r, dict, a)),
        _ => null,
    };

    private static List<T> Pick<T>(Rendering rendering, List<T> items, object? start, object? stop, long step)
    {
        (long first, long end) = Range(rendering, items.Count, start, stop, step);
        var picked = new List<T>();
        for (long i = first; step > 0 ? i < end : i > end; i += step)
        {
            rendering.Step();
            picked.Add(items[(int)i]);
            if (Math.Abs(step) > items.Count) break;
        }
        return picked;
    }

    private static (long Start, long End) Range(Rendering rendering, int count, object? start, object? stop, long step)
    {
        long low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1;
        long Clamp(object? bound, long absent)
        {
            if (bound is null) return absent;
            long at = Bound(rendering, bound);
            return Math.Clamp(at < 0 ? at + count : at, low, high);
        }
        return (Clamp(start, step > 0 ? low : high), Clamp(stop, step > 0 ? high : low));
    }

    private static long Bound(Rendering rendering, object? bound) => Operators.TryInteger(bound, out long at)
        ? at
        : throw rendering.Fail($"a slice: expected an integer, found {Operators.TypeName(bound)}");

    private static Undefined Missing(string name) => new($"member '{name}'");
}

/// <summary>What a loop goes over.</summary>
internal static class Sequences
{
    /// <summary>A copy: what the loop does to the list does not change the loop.</summary>
    public static List<object?> ToList(Rendering rendering, object? value)
    {
        List<object?> items = value switch
        {
            JinjaList list => [.. list.Items],
            JinjaDict dict => [.. dict.Items.Keys],
            JinjaNamespace names => [.. names.Items.Keys.Select(TracedText.Template)],
            TracedText text => [.. Characters(rendering, text)],
            Undefined => [],
            _ => throw rendering.Fail($"cannot go over {Operators.TypeName(value)}"),
        };
        rendering.Step(items.Count);
        return items;
    }

    /// <summary>The place some code points after another.</summary>
    public static int Offset(string text, int from, long count)
    {
        int at = from;
        for (; count > 0 && at < text.Length; count--) at += char.IsSurrogatePair(text, at) ? 2 : 1;
        return at;
    }

    /// <summary>One text for each code point, as Python counts.</summary>
    public static List<TracedText> Characters(Rendering rendering, TracedText text)
    {
        const int Overhead = 32;
        rendering.Charge((long)text.Length * Overhead);
        var characters = new List<TracedText>(text.Length);
        for (int i = 0; i < text.Length;)
        {
            int length = char.IsSurrogatePair(text.Value, i) ? 2 : 1;
            characters.Add(text.Substring(i, length));
            i += length;
        }
        return characters;
    }

    public static long Count(Rendering rendering, object? value) => value switch
    {
        TracedText text => CountRunes(rendering, text.Value),
        JinjaList list => list.Items.Count,
        JinjaDict dict => dict.Items.Count,
        JinjaNamespace names => names.Items.Count,
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
