using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary><c>a.b</c>, <c>a[b]</c> and <c>a[b:c]</c>.</summary>
internal static class Members
{
    /// <summary>Methods come before entries, as with Python's attributes.</summary>
    public static object? Attribute(Rendering rendering, object? target, string name)
    {
        object? own = OwnAttribute(rendering, target, name);
        return own is Undefined && target is JinjaDict dict && dict.TryGet(name, out object? value) ? value : own;
    }

    /// <summary>An attribute in Python's sense: not an entry.</summary>
    public static object? OwnAttribute(Rendering rendering, object? target, string name) => target switch
    {
        JinjaNamespace names => names.Items.TryGetValue(name, out object? member) ? member : Missing(name),
        LoopState loop => loop.Get(name),
        JinjaFunction { Macro: { } macro } => macro.Get(name),
        JinjaList list when Array.IndexOf(list.Names, name) is >= 0 and int at => list.Items[at],
        JinjaList { Kind: SequenceKind.Range, Bounds: var bounds } when name is "start" or "stop" or "step" =>
            name switch { "start" => bounds.Start, "stop" => bounds.Stop, _ => bounds.Step },
        Undefined undefined => throw rendering.Fail($"{undefined.What} is undefined, so it has no member '{name}'"),
        _ => (object?)Method(target, name) ?? Missing(name),
    };

    /// <summary>Entries come before methods.</summary>
    public static object? Item(Rendering rendering, object? target, object? index)
    {
        switch (target)
        {
            case JinjaDict dict:
                bool isHashable = index is not (JinjaDict or JinjaList { Kind: SequenceKind.List or SequenceKind.Keys or SequenceKind.Items });
                if (isHashable && dict.Items.TryGetValue(DictKey.Of(rendering, index), out object? value)) return value;
                break;
            case JinjaList { IsIndexable: true } list when Numbers.TryWhole(index, out BigInteger at):
                if (at < 0) at += list.Items.Count;
                return at >= 0 && at < list.Items.Count ? list.Items[(int)at] : new Undefined($"item {index} of a list of {list.Items.Count}");
            case TracedText text when Numbers.TryWhole(index, out BigInteger at):
                long count = Sequences.Count(rendering, text);
                if (at < 0) at += count;
                return at >= 0 && at < count ? Part(rendering, text, (long)at, (long)at + 1) : new Undefined($"character {index} of a string of {count}");
        }
        return index is TracedText name ? Attribute(rendering, target, name.Value)
            : target is Undefined ? Attribute(rendering, target, PythonText.Repr(rendering, index).Value)
            : Missing(Operators.TypeName(index));
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
                return builder.ToText().AsMarkup(text.IsMarkup);
            case JinjaList { Kind: SequenceKind.Range } range:
                (long low, long high) = Range(rendering, range.Items.Count, start, stop, by);
                (long origin, _, long stride) = range.Bounds;
                return new JinjaList(Pick(rendering, range.Items, start, stop, by), SequenceKind.Range)
                {
                    Bounds = (origin + low * stride, origin + high * stride, stride * by),
                };
            case JinjaList { IsIndexable: true } list: return new JinjaList(Pick(rendering, list.Items, start, stop, by), list.Kind);
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

    private static JinjaFunction? Method(object? target, string name) => target switch
    {
        TracedText text when StringMethods.Table.TryGetValue(name, out var method) => new JinjaFunction(name, (r, a) =>
        {
            r.Scan(text.Length);
            return Markup.Call(r, name, method, text, a);
        }),
        JinjaList { IsIndexable: true } list when ContainerMethods.OfList.TryGetValue(name, out var method)
            && (list.Kind == SequenceKind.List || name is "index" or "count") => new JinjaFunction(name, (r, a) => method.Run(r, list, a)),
        JinjaDict dict when ContainerMethods.OfDict.TryGetValue(name, out var method) => new JinjaFunction(name, (r, a) => method.Run(r, dict, a)),
        double number when name == "is_integer" => new JinjaFunction(name, (_, _) => double.IsInteger(number)),
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
            if (step > items.Count || step < -items.Count) break;
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

    private static long Bound(Rendering rendering, object? bound) => Numbers.TryWhole(bound, out BigInteger at)
        ? (long)BigInteger.Clamp(at, -long.MaxValue, long.MaxValue)
        : throw rendering.Fail($"a slice: expected an integer, found {Operators.TypeName(bound)}");

    private static Undefined Missing(string name) => new($"member '{name}'");
}
