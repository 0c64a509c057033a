namespace Edge.Llm.Templates.Jinja;

/// <summary>The functions that a template can call by name.</summary>
internal static class Globals
{
    private const long MaxRange = 100_000; // as in Jinja's sandbox

    public static void AddTo(Scope scope, DateTime? now)
    {
        Add(scope, "range", "start stop step /", Range);
        Add(scope, "dict", "*", MakeDict);
        Add(scope, "namespace", "*", (rendering, arguments) =>
        {
            var names = new JinjaNamespace();
            foreach ((DictKey key, object? value) in MakeDict(rendering, arguments).Items)
                names.Items[(key.Value as TracedText)?.Value
                    ?? throw rendering.Fail($"namespace: expected a string as a name, found {Operators.TypeName(key.Value)}")] = value;
            return names;
        });
        Add(scope, "raise_exception", "message", (rendering, arguments) =>
            throw rendering.Fail(PythonText.Str(rendering, arguments.Demand(0, "message")).Value));
        Add(scope, "joiner", "sep", Joiner);
        Add(scope, "cycler", "*", Cycler);
        if (now is { } date)
            Add(scope, "strftime_now", "format", (rendering, arguments) =>
                TracedText.Template(DateText.Format(rendering, date, arguments.Text(0, "format").Value)));
    }

    /// <summary>The entries of a dictionary, a namespace or a list of pairs.</summary>
    public static void CopyEntries(Rendering rendering, object? source, Action<DictKey, object?> add)
    {
        if (source is JinjaDict dict)
        {
            rendering.Step(dict.Items.Count);
            foreach ((DictKey key, object? value) in dict.Items.ToArray()) add(key, value);
            return;
        }
        foreach (object? pair in Sequences.ToList(rendering, source))
        {
            if (Sequences.ToList(rendering, pair) is not [var key, var value])
                throw rendering.Fail($"expected pairs of key and value, found {Operators.TypeName(pair)}");
            add(DictKey.Of(rendering, key), value);
        }
    }

    private static void Add(Scope scope, string name, string parameters, Func<Rendering, Arguments, object?> call)
    {
        var operation = new Operation<string, object?>(parameters, (rendering, _, arguments) => call(rendering, arguments));
        scope.Set(name, new JinjaFunction(name, (rendering, arguments) => operation.Run(rendering, name, arguments)));
    }

    private static JinjaDict MakeDict(Rendering rendering, Arguments arguments)
    {
        rendering.Step(16);
        var dict = new JinjaDict();
        if (arguments.Count > 1) throw rendering.Fail($"dict: expected at most 1 argument, found {arguments.Count}");
        if (arguments.Count > 0) CopyEntries(rendering, arguments[0], (key, value) => dict.Items[key] = value);
        foreach ((string name, object? value) in arguments.Named) dict.Set(name, value);
        return dict;
    }

    private static JinjaList Range(Rendering rendering, Arguments arguments)
    {
        bool hasStart = arguments.Count > 1;
        long start = hasStart ? arguments.Integer(0, "start") : 0;
        long stop = arguments.Integer(hasStart ? 1 : 0, "stop");
        long step = arguments.Integer(2, "step", 1);
        if (step == 0) throw rendering.Fail("range: the step is 0");
        Int128 distance = step > 0 ? (Int128)stop - start : (Int128)start - stop, size = Int128.Abs(step);
        Int128 count = distance <= 0 ? 0 : (distance + size - 1) / size;
        if (count > MaxRange) throw rendering.Fail($"range: {count} numbers, expected at most {MaxRange}");
        rendering.Step((long)count * 2);
        var numbers = new List<object?>((int)count);
        for (long i = 0; i < count; i++) numbers.Add(start + i * step);
        return new JinjaList(numbers, SequenceKind.Range) { Bounds = (start, stop, step) };
    }

    /// <summary>A separator that is empty the first time.</summary>
    private static JinjaFunction Joiner(Rendering rendering, Arguments arguments)
    {
        object? separator = arguments.Get(0, "sep", TracedText.Template(", "));
        bool used = false;
        return new JinjaFunction("joiner", (_, _) =>
        {
            object? now = used ? separator : TracedText.Empty;
            used = true;
            return now;
        });
    }

    private static JinjaNamespace Cycler(Rendering rendering, Arguments arguments)
    {
        List<object?> items = [.. arguments.Positional];
        if (items.Count == 0) throw rendering.Fail("cycler: expected values");
        var cycler = new JinjaNamespace("a cycler");
        int at = 0;
        cycler.Items["current"] = items[0];
        cycler.Items["next"] = new JinjaFunction("cycler.next", (_, _) =>
        {
            object? item = items[at];
            at = (at + 1) % items.Count;
            cycler.Items["current"] = items[at];
            return item;
        });
        cycler.Items["reset"] = new JinjaFunction("cycler.reset", (_, _) =>
        {
            at = 0;
            cycler.Items["current"] = items[0];
            return null;
        });
        return cycler;
    }
}
