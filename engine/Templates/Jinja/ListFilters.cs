namespace Edge.Llm.Templates.Jinja;

/// <summary>Filters on lists and dictionaries.</summary>
internal static class ListFilters
{
    public static readonly Dictionary<string, Func<Rendering, object?, Arguments, object?>> Table = new()
    {
        ["length"] = (r, value, _) => Sequences.Count(r, value),
        ["count"] = (r, value, _) => Sequences.Count(r, value),
        ["list"] = (r, value, _) => new JinjaList(Sequences.ToList(r, value)),
        ["first"] = (r, value, _) => Sequences.ToList(r, value) is { Count: > 0 } items ? items[0] : new Undefined("the first item of nothing"),
        ["last"] = (r, value, _) => Sequences.ToList(r, value) is { Count: > 0 } items ? items[^1] : new Undefined("the last item of nothing"),
        ["join"] = Join,
        ["reverse"] = Reverse,
        ["sort"] = (r, value, a) =>
            new JinjaList(Sort(r, Sequences.ToList(r, value), Attribute(r, a, 2), a.Flag(0, "reverse"), a.Flag(1, "case_sensitive"))),
        ["dictsort"] = (r, value, a) => new JinjaList(Sort(r, Entries(r, value),
            item => ((JinjaList)item!).Items[a.TextOrNull(1, "by")?.Value == "value" ? 1 : 0], a.Flag(2, "reverse"), a.Flag(0, "case_sensitive"))),
        ["unique"] = (r, value, a) => Unique(r, Sequences.ToList(r, value), Attribute(r, a, 1), a.Flag(0, "case_sensitive")),
        ["items"] = (r, value, _) => new JinjaList(Entries(r, value)),
        ["map"] = Map,
        ["select"] = (r, value, a) => Select(r, value, a, byAttribute: false, keep: true),
        ["reject"] = (r, value, a) => Select(r, value, a, byAttribute: false, keep: false),
        ["selectattr"] = (r, value, a) => Select(r, value, a, byAttribute: true, keep: true),
        ["rejectattr"] = (r, value, a) => Select(r, value, a, byAttribute: true, keep: false),
        ["max"] = (r, value, a) => Extreme(r, value, a, descending: true),
        ["min"] = (r, value, a) => Extreme(r, value, a, descending: false),
        ["sum"] = (r, value, a) => Sequences.ToList(r, value).ConvertAll(item => Attribute(r, a, 0)(item))
            .Aggregate(a.Get(1, "start", 0L), (sum, item) => Operators.Arithmetic(r, "+", sum, item)),
        ["batch"] = InBatches,
        ["slice"] = Slices,
        ["groupby"] = GroupBy,
    };

    private static TracedText Join(Rendering rendering, object? value, Arguments arguments)
    {
        List<object?> items = Sequences.ToList(rendering, value);
        if (arguments.Get(1, "attribute") is not null) items = items.ConvertAll(item => Attribute(rendering, arguments, 1)(item));
        return StringMethods.Join(rendering, items, PythonText.Str(rendering, arguments.Get(0, "d", TracedText.Empty)));
    }

    private static object? Reverse(Rendering rendering, object? value, Arguments arguments)
    {
        List<object?> items = Sequences.ToList(rendering, value);
        items.Reverse();
        return value is TracedText ? StringMethods.Join(rendering, items, TracedText.Empty) : new JinjaList(items);
    }

    private static List<object?> Entries(Rendering rendering, object? value) => value switch
    {
        JinjaDict dict => ContainerMethods.Items(rendering, dict).Items,
        Undefined => [],
        _ => throw rendering.Fail($"items: expected a dictionary, found {Operators.TypeName(value)}"),
    };

    private static JinjaList Map(Rendering rendering, object? value, Arguments arguments)
    {
        List<object?> items = ItemsOrNone(rendering, value);
        if (arguments.Named.ContainsKey("attribute"))
        {
            Func<object?, object?> attribute = Attribute(rendering, arguments, int.MaxValue);
            bool hasDefault = arguments.Named.TryGetValue("default", out object? byDefault);
            return new JinjaList(items.ConvertAll(item => attribute(item) is var member && member is Undefined && hasDefault ? byDefault : member));
        }
        string filter = arguments.Text(0, "filter").Value;
        Arguments rest = arguments.Skip(1, filter);
        return new JinjaList(items.ConvertAll(item => Filters.Apply(rendering, filter, item, rest)));
    }

    private static JinjaList Select(Rendering rendering, object? value, Arguments arguments, bool byAttribute, bool keep)
    {
        Func<object?, object?> read = byAttribute ? Attribute(rendering, arguments, 0) : item => item;
        int at = byAttribute ? 1 : 0;
        string? test = arguments.TextOrNull(at, "test")?.Value;
        Arguments rest = arguments.Skip(at + 1, test ?? "select");
        return new JinjaList(ItemsOrNone(rendering, value).FindAll(item =>
        {
            rendering.Step();
            return (test is null ? Operators.IsTrue(read(item)) : Tests.Holds(rendering, test, read(item), rest)) == keep;
        }));
    }

    /// <summary>These filters take anything false as empty, also None: <c>tools|selectattr(...)</c> where there are none.</summary>
    private static List<object?> ItemsOrNone(Rendering rendering, object? value) => Operators.IsTrue(value) ? Sequences.ToList(rendering, value) : [];

    /// <summary>Reads a member by a path like <c>function.name</c> or <c>0</c>; without one, the item itself.</summary>
    private static Func<object?, object?> Attribute(Rendering rendering, Arguments arguments, int position)
    {
        switch (arguments.Get(position, "attribute"))
        {
            case null: return item => item;
            case long index: return item => Members.Item(rendering, item, index);
            case TracedText path:
                List<object> parts = [.. path.Value.Split('.').Select(part => long.TryParse(part, out long index) ? (object)index : TracedText.Template(part))];
                return item => parts.Aggregate(item, (value, part) => value is Undefined ? value : Members.Item(rendering, value, part));
            case { } other: throw rendering.Fail($"attribute: expected a string or an integer, found {Operators.TypeName(other)}");
        }
    }

    private static object? Folded(Rendering rendering, object? value, bool caseSensitive) => value is TracedText text && !caseSensitive
        ? StringMethods.Map(rendering, text, text.Value.ToLowerInvariant())
        : value;

    private static List<object?> Sort(Rendering rendering, List<object?> items, Func<object?, object?> key, bool reverse, bool caseSensitive)
    {
        var comparer = Comparer<object?>.Create((a, b) => Operators.Compare(rendering, a, b));
        object? Key(object? item) => Folded(rendering, key(item), caseSensitive);
        try
        {
            return [.. reverse ? items.OrderByDescending(Key, comparer) : items.OrderBy(Key, comparer)];
        }
        catch (InvalidOperationException error) when (error.InnerException is EdgeLlmException inner)
        {
            throw inner; // thrown by the comparer
        }
    }

    private static JinjaList Unique(Rendering rendering, List<object?> items, Func<object?, object?> key, bool caseSensitive)
    {
        var seen = new List<object?>();
        return new JinjaList(items.FindAll(item =>
        {
            object? value = Folded(rendering, key(item), caseSensitive);
            if (seen.Exists(other => Operators.AreEqual(rendering, other, value))) return false;
            seen.Add(value);
            return true;
        }));
    }

    private static object? Extreme(Rendering rendering, object? value, Arguments arguments, bool descending)
    {
        List<object?> items = Sequences.ToList(rendering, value);
        List<object?> sorted = Sort(rendering, items, Attribute(rendering, arguments, 1), descending, arguments.Flag(0, "case_sensitive"));
        return sorted.Count > 0 ? sorted[0] : new Undefined("the extreme of nothing");
    }

    private static JinjaList InBatches(Rendering rendering, object? value, Arguments arguments)
    {
        int size = (int)Math.Clamp(arguments.Integer(0, "linecount", 1), 1, int.MaxValue);
        var batches = new JinjaList([]);
        foreach (object?[] batch in Sequences.ToList(rendering, value).Chunk(size)) batches.Items.Add(new JinjaList([.. batch]));
        if (arguments.TryGet(1, "fill_with", out object? fill) && batches.Items.Count > 0)
            for (List<object?> last = ((JinjaList)batches.Items[^1]!).Items; last.Count < size; last.Add(fill)) rendering.Step();
        return batches;
    }

    private static JinjaList Slices(Rendering rendering, object? value, Arguments arguments)
    {
        List<object?> items = Sequences.ToList(rendering, value);
        int count = (int)Math.Clamp(arguments.Integer(0, "slices", 1), 1, 100_000);
        rendering.Step(count * 8L);
        (int size, int longer) = (items.Count / count, items.Count % count);
        var slices = new List<object?>();
        for (int i = 0, at = 0; i < count; i++)
        {
            int take = size + (i < longer ? 1 : 0);
            slices.Add(new JinjaList(items.GetRange(at, take)));
            at += take;
            if (i >= longer && longer > 0 && arguments.TryGet(1, "fill_with", out object? fill)) ((JinjaList)slices[^1]!).Items.Add(fill);
        }
        return new JinjaList(slices);
    }

    /// <summary>Pairs of a value and the items that have it, sorted by the value.</summary>
    private static JinjaList GroupBy(Rendering rendering, object? value, Arguments arguments)
    {
        Func<object?, object?> key = Attribute(rendering, arguments, 0);
        var groups = new List<object?>();
        foreach (object? item in Sort(rendering, Sequences.ToList(rendering, value), key, reverse: false, arguments.Flag(2, "case_sensitive")))
        {
            object? grouper = key(item);
            if (groups.Count == 0 || !Operators.AreEqual(rendering, ((JinjaDict)groups[^1]!).Items.GetAt(0).Value, grouper))
            {
                var group = new JinjaDict();
                group.Set("grouper", grouper);
                group.Set("list", new JinjaList([]));
                groups.Add(group);
            }
            ((JinjaList)((JinjaDict)groups[^1]!).Items.GetAt(1).Value!).Items.Add(item);
        }
        return new JinjaList(groups.ConvertAll<object?>(group => new JinjaList([.. ((JinjaDict)group!).Items.Values], isTuple: true)));
    }
}
