namespace Edge.Llm.Templates.Jinja;

/// <summary>Variables: those of a block, then those of the blocks around it.</summary>
internal sealed class Scope(Rendering rendering, Scope? parent)
{
    private Dictionary<string, object?>? _variables;

    public Rendering Rendering { get; } = rendering;

    public Scope Inner() => new(Rendering, this);

    public void Set(string name, object? value) => (_variables ??= [])[name] = value;

    public object? Get(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Parent)
        {
            if (scope._variables is { } variables && variables.TryGetValue(name, out object? value)) return value;
            Rendering.Step();
        }
        return new Undefined($"'{name}'");
    }

    private Scope? Parent { get; } = parent;
}
