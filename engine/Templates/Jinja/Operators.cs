using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Truth, equality, order and arithmetic, as Python has them.</summary>
internal static class Operators
{
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long integer => integer != 0,
        double number => number != 0,
        TracedText text => text.Length > 0,
        JinjaList list => list.Items.Count > 0 || list.Kind == SequenceKind.Iterator,
        JinjaDict dict => dict.Items.Count > 0,
        _ => true,
    };

    public static string TypeName(object? value) => value switch
    {
        null => "None",
        Undefined undefined => $"nothing: {undefined.What} is undefined",
        bool => "a bool",
        long or BigInteger => "an integer",
        double => "a float",
        TracedText => "a string",
        JinjaList list => list.Kind switch
        {
            SequenceKind.List => "a list",
            SequenceKind.Tuple => "a tuple",
            SequenceKind.Range => "a range",
            SequenceKind.Iterator => "an iterator",
            _ => "a view of a dictionary",
        },
        JinjaDict => "a dictionary",
        JinjaNamespace names => names.Name ?? "a namespace",
        LoopState => "a loop",
        _ => "a function",
    };

    public static bool AreEqual(Rendering rendering, object? left, object? right)
    {
        rendering.Enter();
        if (left is TracedText x && right is TracedText y && x.Length == y.Length) rendering.Scan(x.Length);
        bool equal = (left, right) switch
        {
            (null, null) or (Undefined, Undefined) => true,
            (TracedText a, TracedText b) => a.Equals(b),
            (JinjaList a, JinjaList b) => ReferenceEquals(a, b)
                || (a.Kind == b.Kind && a.IsIndexable && a.Items.Count == b.Items.Count && AllEqual(rendering, a.Items, b.Items))
                || (IsSet(a) && IsSet(b) && a.Items.Count == b.Items.Count && a.Items.TrueForAll(item => Contains(rendering, b, item))),
            (JinjaDict a, JinjaDict b) => a.Items.Count == b.Items.Count
                && a.Items.All(entry => b.Items.TryGetValue(entry.Key, out object? other) && AreEqual(rendering, entry.Value, other)),
            _ when Numbers.IsNumber(left) && Numbers.IsNumber(right) => Numbers.Compare(left, right) == 0,
            _ => ReferenceEquals(left, right) && left is not null,
        };
        rendering.Leave();
        return equal;
    }

    /// <summary>The order of two values; null where neither is before the other nor equal: one is not a number.</summary>
    public static int? Compare(Rendering rendering, object? left, object? right)
    {
        rendering.Enter();
        if (left is TracedText x && right is TracedText y) rendering.Scan(Math.Min(x.Length, y.Length));
        int? order = (left, right) switch
        {
            (TracedText a, TracedText b) => a.CompareTo(b),
            (JinjaList { Kind: <= SequenceKind.Tuple } a, JinjaList b) when a.Kind == b.Kind => CompareItems(rendering, a.Items, b.Items),
            _ when Numbers.IsNumber(left) && Numbers.IsNumber(right) => Numbers.Compare(left, right),
            _ when IsSet(left) || IsSet(right) => throw rendering.Unsupported("views of dictionaries compared as sets"),
            _ => throw rendering.Fail($"cannot compare {TypeName(left)} with {TypeName(right)}"),
        };
        rendering.Leave();
        return order;
    }

    public static bool Contains(Rendering rendering, object? container, object? item)
    {
        switch (container)
        {
            case TracedText text when item is TracedText part:
                rendering.ChargeSearch(text.Length, part.Length);
                return text.Value.Contains(part.Value, StringComparison.Ordinal);
            case JinjaList list:
                if (list.Kind == SequenceKind.Keys) DictKey.Of(rendering, item);
                int at = list.Items.FindIndex(other => ReferenceEquals(other, item) || AreEqual(rendering, other, item));
                if (list.Kind == SequenceKind.Iterator) list.Items.RemoveRange(0, at < 0 ? list.Items.Count : at + 1);
                return at >= 0;
            case JinjaDict dict: return dict.Items.ContainsKey(DictKey.Of(rendering, item));
            case Undefined: return false;
            default: throw rendering.Fail($"in: cannot look for {TypeName(item)} in {TypeName(container)}");
        }
    }

    public static object? Arithmetic(Rendering rendering, string op, object? left, object? right)
    {
        switch (op, left, right)
        {
            case ("+", TracedText a, TracedText b): return Add(rendering, a, b);
            case ("+", JinjaList { Kind: <= SequenceKind.Tuple } a, JinjaList b) when a.Kind == b.Kind:
                rendering.Step(a.Items.Count + b.Items.Count);
                return new JinjaList([.. a.Items, .. b.Items], a.Kind);
            case ("*", TracedText or JinjaList { Kind: <= SequenceKind.Tuple }, _) when Numbers.TryWhole(right, out BigInteger count):
                return Repeat(rendering, left, count);
            case ("*", _, TracedText or JinjaList { Kind: <= SequenceKind.Tuple }) when Numbers.TryWhole(left, out BigInteger count):
                return Repeat(rendering, right, count);
            case ("-", _, _) when IsSet(left) || IsSet(right): throw rendering.Unsupported("the difference of views of dictionaries");
            case ("%", TracedText { IsMarkup: true }, _): throw rendering.Unsupported("% of escaped text");
            case ("%", TracedText format, _): return PercentFormat.Format(rendering, format, right);
        }
        if (Numbers.TryWhole(left, out BigInteger x) && Numbers.TryWhole(right, out BigInteger y)) return Numbers.Combine(rendering, op, x, y);
        if (Numbers.IsNumber(left) && Numbers.IsNumber(right))
            return Numbers.Combine(rendering, op, Numbers.ToDouble(rendering, left), Numbers.ToDouble(rendering, right));
        throw rendering.Fail($"{op}: cannot combine {TypeName(left)} and {TypeName(right)}");
    }

    /// <summary>A minus, or a plus, before a value.</summary>
    public static object? Signed(Rendering rendering, bool isMinus, object? value) => value switch
    {
        double number => isMinus ? -number : number,
        _ when Numbers.TryWhole(value, out BigInteger whole) => Numbers.Whole(rendering, isMinus ? -whole : whole),
        _ => throw rendering.Fail($"{(isMinus ? "-" : "+")}: expected a number, found {TypeName(value)}"),
    };

    /// <summary>Two texts with a plus between them: if one is markup, the other is escaped.</summary>
    public static TracedText Add(Rendering rendering, TracedText left, TracedText right)
    {
        if (left.IsMarkup == right.IsMarkup) return Concat(rendering, left, right).AsMarkup(left.IsMarkup);
        return Concat(rendering, left.IsMarkup ? left : Markup.Escape(rendering, left), right.IsMarkup ? right : Markup.Escape(rendering, right)).AsMarkup();
    }

    public static TracedText Concat(Rendering rendering, TracedText left, TracedText right)
    {
        var builder = new TextBuilder(rendering);
        builder.Append(left);
        builder.Append(right);
        return builder.ToText();
    }

    private static bool AllEqual(Rendering rendering, List<object?> left, List<object?> right)
    {
        for (int i = 0; i < left.Count; i++)
            if (!AreEqual(rendering, left[i], right[i])) return false;
        return true;
    }

    private static bool IsSet(object? value) => value is JinjaList { Kind: SequenceKind.Keys or SequenceKind.Items };

    private static int? CompareItems(Rendering rendering, List<object?> left, List<object?> right)
    {
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
            if (!AreEqual(rendering, left[i], right[i])) return Compare(rendering, left[i], right[i]);
        return left.Count.CompareTo(right.Count);
    }

    private static object Repeat(Rendering rendering, object? value, BigInteger times)
    {
        long count = (long)BigInteger.Clamp(times, 0, long.MaxValue);
        if (value is JinjaList list)
        {
            var repeated = new List<object?>();
            for (long i = 0; i < count; i++)
            {
                rendering.Step(list.Items.Count + 1);
                repeated.AddRange(list.Items);
            }
            return new JinjaList(repeated, list.Kind);
        }
        var text = (TracedText)value!;
        var builder = new TextBuilder(rendering);
        builder.Append(text, count);
        return builder.ToText().AsMarkup(text.IsMarkup);
    }
}
