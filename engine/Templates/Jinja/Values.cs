namespace Edge.Llm.Templates.Jinja;

// What a template computes with: null (None), bool, long, double, TracedText, and the types here.

/// <summary>A list or a tuple.</summary>
internal sealed class JinjaList(List<object?> items, bool isTuple = false)
{
    public List<object?> Items { get; } = items;

    public bool IsTuple { get; } = isTuple;
}

/// <summary>A dictionary in the order of insertion; keys are texts or numbers.</summary>
internal sealed class JinjaDict
{
    public OrderedDictionary<object, object?> Items { get; } = [];

    public void Set(string key, object? value) => Items[TracedText.Template(key)] = value;
}

/// <summary>What <c>namespace()</c> makes: the one thing whose attributes a template may set.</summary>
internal sealed class JinjaNamespace
{
    public Dictionary<string, object?> Items { get; } = [];
}

/// <summary>A name or member that is not there. Prints nothing, is false and empty; asked for a member, it fails.</summary>
internal sealed class Undefined(string what)
{
    public string What { get; } = what;
}

/// <summary>A macro, a method bound to its value, or a global function.</summary>
internal sealed class JinjaFunction(string name, Func<Rendering, Arguments, object?> call)
{
    public string Name { get; } = name;

    public object? Call(Rendering rendering, Arguments arguments)
    {
        rendering.Enter();
        object? result = call(rendering, arguments);
        rendering.Leave();
        return result;
    }
}

/// <summary>The <c>loop</c> of a for block.</summary>
internal sealed class LoopState(List<object?> items)
{
    public int Index { get; set; }

    public List<object?> Items { get; } = items;

    public object? Changed { get; set; } = new Undefined("loop.changed");

    public object? Get(string name) => name switch
    {
        "index" => Index + 1L,
        "index0" => (long)Index,
        "revindex" => (long)(Items.Count - Index),
        "revindex0" => Items.Count - Index - 1L,
        "first" => Index == 0,
        "last" => Index == Items.Count - 1,
        "length" => (long)Items.Count,
        "depth" => 1L,
        "depth0" => 0L,
        "previtem" => Index > 0 ? Items[Index - 1] : new Undefined("loop.previtem"),
        "nextitem" => Index + 1 < Items.Count ? Items[Index + 1] : new Undefined("loop.nextitem"),
        "cycle" => new JinjaFunction("loop.cycle", (rendering, arguments) =>
            arguments.Count > 0 ? arguments[Index % arguments.Count] : throw rendering.Fail("loop.cycle: expected values")),
        "changed" => new JinjaFunction("loop.changed", (rendering, arguments) =>
        {
            var now = new JinjaList([.. arguments.Positional]);
            bool changed = !Operators.AreEqual(rendering, Changed, now);
            Changed = now;
            return changed;
        }),
        _ => new Undefined("loop." + name),
    };
}
