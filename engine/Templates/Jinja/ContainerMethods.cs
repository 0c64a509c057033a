namespace Edge.Llm.Templates.Jinja;

/// <summary>The methods of Python's lists and dictionaries.</summary>
internal static class ContainerMethods
{
    public static readonly Dictionary<string, Func<Rendering, JinjaList, Arguments, object?>> OfList = new()
    {
        ["append"] = (r, list, a) => Change(r, list, () => list.Items.Add(a.Demand(0, "item"))),
        ["extend"] = (r, list, a) => Change(r, list, () => list.Items.AddRange(Sequences.ToList(r, a.Demand(0, "items")))),
        ["insert"] = (r, list, a) => Change(r, list, () =>
            list.Items.Insert((int)Math.Clamp(At(list, a.Integer(0, "index", 0)), 0, list.Items.Count), a.Demand(1, "item"))),
        ["clear"] = (r, list, _) => Change(r, list, list.Items.Clear),
        ["reverse"] = (r, list, _) => Change(r, list, list.Items.Reverse),
        ["pop"] = (r, list, a) =>
        {
            long at = At(list, a.Integer(0, "index", -1));
            if (at < 0 || at >= list.Items.Count) throw r.Fail($"pop: no item {at} in a list of {list.Items.Count}");
            object? item = list.Items[(int)at];
            Change(r, list, () => list.Items.RemoveAt((int)at));
            return item;
        },
        ["index"] = (r, list, a) => list.Items.FindIndex(item => Operators.AreEqual(r, item, a.Demand(0, "item"))) is >= 0 and int at
            ? (long)at : throw r.Fail("index: the item is not in the list"),
        ["count"] = (r, list, a) => (long)list.Items.Count(item => Operators.AreEqual(r, item, a.Demand(0, "item"))),
        ["copy"] = (r, list, _) => new JinjaList(Sequences.ToList(r, list)),
    };

    public static readonly Dictionary<string, Func<Rendering, JinjaDict, Arguments, object?>> OfDict = new()
    {
        ["items"] = (r, dict, _) => Items(r, dict),
        ["keys"] = (r, dict, _) => new JinjaList(Sequences.ToList(r, dict)),
        ["values"] = (r, dict, _) =>
        {
            r.Step(dict.Items.Count);
            return new JinjaList([.. dict.Items.Values]);
        },
        ["get"] = (r, dict, a) => dict.Items.TryGetValue(Members.Key(r, a.Demand(0, "key")), out object? value) ? value : a.Get(1, "default"),
        ["pop"] = (r, dict, a) =>
        {
            object key = Members.Key(r, a.Demand(0, "key"));
            r.Step(dict.Items.Count);
            if (dict.Items.Remove(key, out object? value) || a.TryGet(1, "default", out value)) return value;
            throw r.Fail($"pop: no key {PythonText.Repr(r, key)}");
        },
        ["setdefault"] = (r, dict, a) =>
        {
            object key = Members.Key(r, a.Demand(0, "key"));
            if (!dict.Items.ContainsKey(key)) dict.Items[key] = a.Get(1, "default");
            return dict.Items[key];
        },
        ["update"] = (r, dict, a) =>
        {
            if (a.Count > 0) Globals.CopyEntries(r, a[0], (key, value) => dict.Items[key] = value);
            foreach ((string name, object? value) in a.Named) dict.Set(name, value);
            return null;
        },
        ["copy"] = (r, dict, _) =>
        {
            var copy = new JinjaDict();
            Globals.CopyEntries(r, dict, (key, value) => copy.Items[key] = value);
            return copy;
        },
    };

    public static JinjaList Items(Rendering rendering, JinjaDict dict)
    {
        rendering.Step(dict.Items.Count * 8L);
        return new JinjaList([.. dict.Items.Select(entry => new JinjaList([entry.Key, entry.Value], isTuple: true))]);
    }

    private static object? Change(Rendering rendering, JinjaList list, Action change)
    {
        if (list.IsTuple) throw rendering.Fail("a tuple cannot be changed");
        rendering.Step(1 + list.Items.Count / 64); // a pop moves what follows
        change();
        return null;
    }

    private static long At(JinjaList list, long index) => index < 0 ? index + list.Items.Count : index;
}
