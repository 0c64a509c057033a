namespace Edge.Llm.Templates.Jinja;

/// <summary>The methods of Python's lists and dictionaries.</summary>
internal static class ContainerMethods
{
    public static readonly Dictionary<string, Operation<JinjaList, object?>> OfList = new()
    {
        ["append"] = new("object /", (r, list, a) => Change(r, list, () => list.Items.Add(a.Demand(0, "object")))),
        ["extend"] = new("iterable /", (r, list, a) => Change(r, list, () => list.Items.AddRange(Sequences.ToList(r, a.Demand(0, "iterable"))))),
        ["insert"] = new("index object /", (r, list, a) => Change(r, list, () =>
            list.Items.Insert((int)Math.Clamp(At(list, a.Integer(0, "index")), 0, list.Items.Count), a.Demand(1, "object")))),
        ["clear"] = new("", (r, list, _) => Change(r, list, list.Items.Clear)),
        ["reverse"] = new("", (r, list, _) => Change(r, list, list.Items.Reverse)),
        ["pop"] = new("index /", (r, list, a) =>
        {
            long at = At(list, a.Integer(0, "index", -1));
            if (at < 0 || at >= list.Items.Count) throw r.Fail($"pop: no item {at} in a list of {list.Items.Count}");
            object? item = list.Items[(int)at];
            Change(r, list, () => list.Items.RemoveAt((int)at));
            return item;
        }),
        ["index"] = new("value start stop /", (r, list, a) => Index(r, list, a)),
        ["count"] = new("value /", (r, list, a) => (long)list.Items.Count(item => Operators.AreEqual(r, item, a.Demand(0, "value")))),
        ["copy"] = new("", (r, list, _) => new JinjaList(Sequences.ToList(r, list))),
    };

    public static readonly Dictionary<string, Operation<JinjaDict, object?>> OfDict = new()
    {
        ["items"] = new("", (r, dict, _) => new JinjaList(Items(r, dict), SequenceKind.Items)),
        ["keys"] = new("", (r, dict, _) => new JinjaList(Sequences.ToList(r, dict), SequenceKind.Keys)),
        ["values"] = new("", (r, dict, _) =>
        {
            r.Step(dict.Items.Count);
            return new JinjaList([.. dict.Items.Values], SequenceKind.Values);
        }),
        ["get"] = new("key default /", (r, dict, a) =>
            dict.Items.TryGetValue(DictKey.Of(r, a.Demand(0, "key")), out object? value) ? value : a.Get(1, "default")),
        ["pop"] = new("key default /", (r, dict, a) =>
        {
            DictKey key = DictKey.Of(r, a.Demand(0, "key"));
            r.Step(dict.Items.Count);
            if (dict.Items.Remove(key, out object? value) || a.TryGet(1, "default", out value)) return value;
            throw r.Fail($"pop: no key {PythonText.Repr(r, key.Value)}");
        }),
        ["setdefault"] = new("key default /", (r, dict, a) =>
        {
            DictKey key = DictKey.Of(r, a.Demand(0, "key"));
            dict.Items.TryAdd(key, a.Get(1, "default"));
            return dict.Items[key];
        }),
        ["update"] = new("*", (r, dict, a) =>
        {
            if (a.Count > 0) Globals.CopyEntries(r, a[0], (key, value) => dict.Items[key] = value);
            foreach ((string name, object? value) in a.Named) dict.Set(name, value);
            return null;
        }),
        ["copy"] = new("", (r, dict, _) =>
        {
            var copy = new JinjaDict();
            Globals.CopyEntries(r, dict, (key, value) => copy.Items[key] = value);
            return copy;
        }),
    };

    /// <summary>A dictionary's entries as tuples.</summary>
    public static List<object?> Items(Rendering rendering, JinjaDict dict)
    {
        rendering.Step(dict.Items.Count * 8L);
        return [.. dict.Items.Select(entry => new JinjaList([entry.Key.Value, entry.Value], SequenceKind.Tuple))];
    }

    private static long Index(Rendering rendering, JinjaList list, Arguments arguments)
    {
        object? value = arguments.Demand(0, "value");
        long start = Math.Max(0, At(list, arguments.Integer(1, "start", 0)));
        long stop = Math.Min(At(list, arguments.Integer(2, "stop", list.Items.Count)), list.Items.Count);
        for (long i = start; i < stop; i++)
            if (Operators.AreEqual(rendering, list.Items[(int)i], value)) return i;
        throw rendering.Fail("index: the item is not in the list");
    }

    private static object? Change(Rendering rendering, JinjaList list, Action change)
    {
        rendering.Step(1 + list.Items.Count / 64); // a pop moves what follows
        change();
        return null;
    }

    private static long At(JinjaList list, long index) => index < 0 ? index + list.Items.Count : index;
}
