namespace Edge.Llm.Templates.Jinja;

/// <summary>The arguments of a call: by position, and by name.</summary>
internal sealed class Arguments(Rendering rendering, string function)
{
    public List<object?> Positional { get; } = [];

    public Dictionary<string, object?> Named { get; } = [];

    public int Count => Positional.Count;

    public object? this[int index] => Positional[index];

    public Arguments Add(object? value)
    {
        Positional.Add(value);
        return this;
    }

    public bool TryGet(int position, string name, out object? value)
    {
        if (position >= Count) return Named.TryGetValue(name, out value);
        value = Positional[position];
        return true;
    }

    public object? Get(int position, string name, object? fallback = null) => TryGet(position, name, out object? value) ? value : fallback;

    public object? Demand(int position, string name) =>
        TryGet(position, name, out object? value) ? value : throw rendering.Fail($"{function}: missing argument {name}");

    public TracedText Text(int position, string name) => Demand(position, name) as TracedText ?? throw Wrong(name, "a string", Demand(position, name));

    public TracedText? TextOrNull(int position, string name) =>
        Get(position, name) is not { } value ? null : value as TracedText ?? throw Wrong(name, "a string", value);

    public long Integer(int position, string name) => Demand(position, name) switch
    {
        long value => value,
        bool value => value ? 1 : 0,
        { } value => throw Wrong(name, "an integer of 64 bits", value),
        null => throw Wrong(name, "an integer", null),
    };

    public long Integer(int position, string name, long fallback) => Get(position, name) is null ? fallback : Integer(position, name);

    public bool Flag(int position, string name) => TryGet(position, name, out object? value) && Operators.IsTrue(value);

    /// <summary>Refuses what the function has no parameter for, as Python does.</summary>
    /// <param name="names">The parameters, and a slash if they have no names for the caller; a star: any.</param>
    public void Check(string[] names)
    {
        if (names is ["*"]) return;
        bool takesNames = names is not [.., "/"];
        int count = takesNames ? names.Length : names.Length - 1;
        if (Count > count) throw rendering.Fail($"{function}: expected at most {count} arguments, found {Count}");
        foreach (string name in Named.Keys)
            if (!takesNames || Array.IndexOf(names, name) < Count) throw rendering.Fail($"{function}: unexpected argument {name}");
    }

    /// <summary>The arguments after the first few, for what is called in turn.</summary>
    public Arguments Skip(int count, string callee)
    {
        var rest = new Arguments(rendering, callee);
        rest.Positional.AddRange(Positional.Skip(count));
        foreach ((string name, object? value) in Named) rest.Named[name] = value;
        return rest;
    }

    private EdgeLlmException Wrong(string name, string expected, object? found) =>
        rendering.Fail($"{function}: argument {name}: expected {expected}, found {Operators.TypeName(found)}");
}
