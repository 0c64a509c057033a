namespace Edge.Llm.Templates.Jinja;

// What a template computes with: null (None), bool, long, BigInteger (only beyond 64 bits), double, TracedText, and the types here.

/// <summary>What Python calls a sequence. An iterator, which most filters make, can be gone over once, and is true even if it is empty.</summary>
internal enum SequenceKind { List, Tuple, Range, Iterator, Keys, Values, Items }

/// <summary>A list, or something that is read like one.</summary>
internal sealed class JinjaList(List<object?> items, SequenceKind kind = SequenceKind.List)
{
    public List<object?> Items { get; } = items;

    public SequenceKind Kind { get; } = kind;

    public bool IsTuple => Kind == SequenceKind.Tuple;

    /// <summary>What Python can index.</summary>
    public bool IsIndexable => Kind <= SequenceKind.Range;

    /// <summary>Of a range.</summary>
    public (long Start, long Stop, long Step) Bounds { get; init; }

    /// <summary>Names of the items: a group has two.</summary>
    public string[] Names { get; init; } = [];
}

/// <summary>A dictionary in the order of insertion.</summary>
internal sealed class JinjaDict
{
    public OrderedDictionary<DictKey, object?> Items { get; } = [];

    public void Set(string key, object? value) => Items[new DictKey(TracedText.Template(key))] = value;

    public bool TryGet(string key, out object? value) => Items.TryGetValue(new DictKey(TracedText.Template(key)), out value);
}

/// <summary>What <c>namespace()</c> makes: the one thing whose attributes a template may set. With a <paramref name="name"/> it is an object
/// of that name, whose attributes stay.</summary>
internal sealed class JinjaNamespace(string? name = null)
{
    public string? Name { get; } = name;

    public OrderedDictionary<string, object?> Items { get; } = [];
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

    /// <summary>A macro's attributes and how it prints; null for other functions, which print an address in Python.</summary>
    public MacroDefinition? Macro { get; init; }

    public object? Call(Rendering rendering, Arguments arguments)
    {
        rendering.Enter();
        object? result = call(rendering, arguments);
        rendering.Leave();
        return result;
    }
}
