namespace Edge.Llm.Templates.Jinja;

/// <summary>Filters on lists and dictionaries. Most give an iterator, as Jinja2's.</summary>
internal static class ListFilters
{
    public static readonly Dictionary<string, Operation<object?, object?>> Table = new()
    {
        ["length"] = new("", (r, value, _) => Sequences.Count(r, value)),
        ["count"] = new("", (r, value, _) => Sequences.Count(r, value)),
        ["list"] = new("", (r, value, _) => new JinjaList(Sequences.ToList(r, value))),
        ["first"] = new("", (r, value, _) => Sequences.First(r, value)),
        ["last"] = new("", (r, value, _) => value is JinjaList { Kind: SequenceKind.Iterator } ? throw r.Fail("last: an iterator cannot be read from its end")
            : Sequences.ToList(r, value) is not { Count: > 0 } items ? new Undefined("the last item of nothing")
            : value is TracedText { IsMarkup: true } ? ((TracedText)items[^1]!).AsMarkup() // unlike the first
            : items[^1]),
        ["join"] = new("d attribute", Join),
        ["reverse"] = new("", Reverse),
        ["sort"] = new("reverse case_sensitive attribute", (r, value, a) =>
            new JinjaList(Ordered(r, Sequences.ToList(r, value), AttributePath.Several(r, a, 2, a.Flag(1, "case_sensitive")), a.Flag(0, "reverse")))),
        ["dictsort"] = new("case_sensitive by reverse", SortEntries),
        ["unique"] = new("case_sensitive attribute", Unique),
        ["items"] = new("", (r, value, _) => Sequences.Iterator(Entries(r, value))),
        ["map"] = new("*", Map),
        ["select"] = new("*", (r, value, a) => Select(r, value, a, byAttribute: false, keep: true)),
        ["reject"] = new("*", (r, value, a) => Select(r, value, a, byAttribute: false, keep: false)),
        ["selectattr"] = new("*", (r, value, a) => Select(r, value, a, byAttribute: true, keep: true)),
        ["rejectattr"] = new("*", (r, value, a) => Select(r, value, a, byAttribute: true, keep: false)),
        ["max"] = new("case_sensitive attribute", (r, value, a) => Extreme(r, value, a, descending: true)),
        ["min"] = new("case_sensitive attribute", (r, value, a) => Extreme(r, value, a, descending: false)),
        ["sum"] = new("attribute start", Sum),
        ["batch"] = new("linecount fill_with", InBatches),
        ["slice"] = new("slices fill_with", Slices),
        ["groupby"] = new("attribute default case_sensitive", GroupBy),
    };

    /// <summary>Sorted by a key; equal items stay in their order.</summary>
    public static List<T> Ordered<T>(Rendering rendering, IEnumerable<T> items, Func<T, object?> key, bool reverse)
    {
        var comparer = Comparer<object?>.Create((a, b) => Operators.Compare(rendering, a, b) ?? 0);
        try
        {
            return [.. reverse ? items.OrderByDescending(key, comparer) : items.OrderBy(key, comparer)];
        }
        catch (InvalidOperationException error) when (error.InnerException is EdgeLlmException inner)
        {
            throw inner; // thrown by the comparer
        }
    }

    private static TracedText Join(Rendering rendering, object? value, Arguments arguments)
    {
        List<object?> items = Sequences.ToList(rendering, value);
        if (arguments.Get(1, "attribute") is not null) items = items.ConvertAll(item => AttributePath.Of(rendering, arguments, 1)(item));
        return StringMethods.Join(rendering, items, PythonText.Str(rendering, arguments.Get(0, "d", TracedText.Empty)));
    }

    private static object? Reverse(Rendering rendering, object? value, Arguments arguments)
    {
        List<object?> items = Sequences.ToList(rendering, value);
        items.Reverse();
        return value is TracedText text ? StringMethods.Join(rendering, items, TracedText.Empty).AsMarkup(text.IsMarkup)
            : new JinjaList(items, value is JinjaList { Kind: SequenceKind.Iterator } ? SequenceKind.List : SequenceKind.Iterator);
    }

    private static List<object?> Entries(Rendering rendering, object? value) => value switch
    {
        JinjaDict dict => ContainerMethods.Items(rendering, dict),
        Undefined => [],
        _ => throw rendering.Fail($"items: expected a dictionary, found {Operators.TypeName(value)}"),
    };

    private static JinjaList SortEntries(Rendering rendering, object? value, Arguments arguments)
    {
        int at = (arguments.TextOrNull(1, "by")?.Value ?? "key") switch
        {
            "key" => 0,
            "value" => 1,
            var by => throw rendering.Fail($"dictsort: expected key or value, found {by}"),
        };
        if (value is not JinjaDict dict) throw rendering.Fail($"dictsort: expected a dictionary, found {Operators.TypeName(value)}");
        bool caseSensitive = arguments.Flag(0, "case_sensitive");
        return new JinjaList(Ordered(rendering, ContainerMethods.Items(rendering, dict),
            entry => AttributePath.Folded(rendering, ((JinjaList)entry!).Items[at], caseSensitive), arguments.Flag(2, "reverse")));
    }

    private static JinjaList Map(Rendering rendering, object? value, Arguments arguments)
    {
        List<object?> items = ItemsOrNone(rendering, value);
        if (arguments.Count == 0 && arguments.Named.ContainsKey("attribute"))
        {
            if (arguments.Named.Keys.FirstOrDefault(name => name is not ("attribute" or "default")) is { } other)
                throw rendering.Fail($"map: unexpected argument {other}");
            Func<object?, object?> read = AttributePath.Of(rendering, arguments, int.MaxValue, arguments.Named.GetValueOrDefault("default"));
            return Sequences.Iterator(items.ConvertAll(item => read(item)));
        }
        string filter = arguments.Text(0, "filter").Value;
        Arguments rest = arguments.Skip(1, filter);
        return Sequences.Iterator(items.ConvertAll(item => Filters.Apply(rendering, filter, item, rest)));
    }

    private static JinjaList Select(Rendering rendering, object? value, Arguments arguments, bool byAttribute, bool keep)
    {
        List<object?> items = ItemsOrNone(rendering, value);
        if (byAttribute) arguments.Demand(0, "attribute");
        Func<object?, object?> read = byAttribute ? AttributePath.Of(rendering, arguments, 0) : item => item;
        int at = byAttribute ? 1 : 0;
        string? test = arguments.Count > at ? arguments.Text(at, "test").Value : null;
        Arguments rest = arguments.Skip(at + 1, test ?? "select");
        return Sequences.Iterator(items.FindAll(item =>
        {
            rendering.Step();
            return (test is null ? Operators.IsTrue(read(item)) : Tests.Holds(rendering, test, read(item), rest)) == keep;
        }));
    }

    /// <summary>These filters take anything false as empty, also None: <c>tools|selectattr(...)</c> where there are none.</summary>
    private static List<object?> ItemsOrNone(Rendering rendering, object? value) => Operators.IsTrue(value) ? Sequences.ToList(rendering, value) : [];

    private static JinjaList Unique(Rendering rendering, object? value, Arguments arguments)
    {
        Func<object?, object?> key = AttributePath.Of(rendering, arguments, 1);
        bool caseSensitive = arguments.Flag(0, "case_sensitive");
        var seen = new HashSet<DictKey>();
        return Sequences.Iterator(Sequences.ToList(rendering, value).FindAll(item =>
            seen.Add(DictKey.Of(rendering, AttributePath.Folded(rendering, key(item), caseSensitive)))));
    }

    private static object? Extreme(Rendering rendering, object? value, Arguments arguments, bool descending)
    {
        Func<object?, object?> key = AttributePath.Of(rendering, arguments, 1);
        bool caseSensitive = arguments.Flag(0, "case_sensitive");
        List<object?> sorted = Ordered(rendering, Sequences.ToList(rendering, value),
            item => AttributePath.Folded(rendering, key(item), caseSensitive), descending);
        return sorted.Count > 0 ? sorted[0] : new Undefined("the extreme of nothing");
    }

    private static object? Sum(Rendering rendering, object? value, Arguments arguments)
    {
        Func<object?, object?> read = AttributePath.Of(rendering, arguments, 0);
        object? sum = arguments.Get(1, "start", 0L);
        if (sum is TracedText) throw rendering.Fail("sum: strings are joined by join");
        foreach (object? item in Sequences.ToList(rendering, value)) sum = Operators.Arithmetic(rendering, "+", sum, read(item));
        return sum;
    }

    private static JinjaList InBatches(Rendering rendering, object? value, Arguments arguments)
    {
        long size = arguments.Integer(0, "linecount");
        List<object?> items = Sequences.ToList(rendering, value);
        if (size < 1 && items.Count > 0) // as Jinja2
            return Sequences.Iterator(size == 0 ? [new JinjaList([]), new JinjaList(items)] : [new JinjaList(items)]);
        var batches = new List<object?>();
        foreach (object?[] batch in items.Chunk((int)Math.Clamp(size, 1, int.MaxValue))) batches.Add(new JinjaList([.. batch]));
        if (arguments.Get(1, "fill_with") is { } fill && batches.Count > 0)
            for (List<object?> last = ((JinjaList)batches[^1]!).Items; last.Count < size; last.Add(fill)) rendering.Step();
        return Sequences.Iterator(batches);
    }

    private static JinjaList Slices(Rendering rendering, object? value, Arguments arguments)
    {
        List<object?> items = Sequences.ToList(rendering, value);
        long count = arguments.Integer(0, "slices");
        if (count < 1) throw rendering.Unsupported("slice: expected a number of slices above 0");
        rendering.Step(Math.Min(count, int.MaxValue) * 8L);
        (int size, int longer) = ((int)(items.Count / count), (int)(items.Count % count));
        var slices = new List<object?>();
        for (int i = 0, at = 0; i < count; i++)
        {
            int take = size + (i < longer ? 1 : 0);
            slices.Add(new JinjaList(items.GetRange(at, take)));
            at += take;
            if (i >= longer && arguments.Get(1, "fill_with") is { } fill) ((JinjaList)slices[^1]!).Items.Add(fill);
        }
        return Sequences.Iterator(slices);
    }

    /// <summary>Pairs of a value and the items that have it, sorted by the value.</summary>
    private static JinjaList GroupBy(Rendering rendering, object? value, Arguments arguments)
    {
        arguments.Demand(0, "attribute");
        Func<object?, object?> key = AttributePath.Of(rendering, arguments, 0, arguments.Get(1, "default"));
        bool caseSensitive = arguments.Flag(2, "case_sensitive");
        object? Folded(object? item) => AttributePath.Folded(rendering, key(item), caseSensitive);
        var groups = new List<object?>();
        object? last = null;
        foreach (object? item in Ordered(rendering, Sequences.ToList(rendering, value), Folded, reverse: false))
        {
            object? folded = Folded(item);
            if (groups.Count == 0 || !Operators.AreEqual(rendering, last, folded))
                groups.Add(new JinjaList([key(item), new JinjaList([])], SequenceKind.Tuple) { Names = ["grouper", "list"] });
            last = folded;
            ((JinjaList)((JinjaList)groups[^1]!).Items[1]!).Items.Add(item);
        }
        return new JinjaList(groups);
    }
}
