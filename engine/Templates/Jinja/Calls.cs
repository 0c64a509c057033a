namespace Edge.Llm.Templates.Jinja;

/// <summary>Arguments as written: plain, <c>name=</c>, <c>*list</c> or <c>**dict</c>.</summary>
internal sealed class ArgumentList
{
    public List<(string? Name, Expression Value)> Items { get; } = [];

    public const string Spread = "*";
    public const string SpreadNamed = "**";

    /// <summary>As Python has it: plain ones first, each name once, dictionaries last, one list and one dictionary at most.</summary>
    public bool CanAdd(string? name) => !Items.Exists(item => item.Name == SpreadNamed)
        && (name is null ? Items.TrueForAll(item => item.Name is null) : !Items.Exists(item => item.Name == name));

    public Arguments Evaluate(Scope scope, string function)
    {
        Rendering rendering = scope.Rendering;
        var arguments = new Arguments(rendering, function);
        foreach ((string? name, Expression expression) in Items)
        {
            object? value = expression.Evaluate(scope);
            switch (name)
            {
                case null: arguments.Positional.Add(value); break;
                case Spread: arguments.Positional.AddRange(Sequences.ToList(rendering, value)); break;
                case SpreadNamed:
                    if (value is not JinjaDict dict) throw rendering.Fail($"**: expected a dictionary, found {Operators.TypeName(value)}");
                    foreach ((DictKey key, object? item) in dict.Items)
                        if (key.Value is not TracedText text || !arguments.Named.TryAdd(text.Value, item))
                            throw rendering.Fail($"{function}: ** has {PythonText.Str(rendering, key.Value)}, which is no name or was given already");
                    break;
                default: arguments.Named[name] = value; break;
            }
        }
        return arguments;
    }
}

internal sealed class Call(int line, Expression function, ArgumentList arguments) : Expression(line)
{
    protected override object? Compute(Scope scope) => Invoke(scope, caller: null);

    public object? Invoke(Scope scope, JinjaFunction? caller)
    {
        object? callee = function.Evaluate(scope);
        if (callee is LoopState loop) return loop.Call(scope.Rendering, arguments.Evaluate(scope, "loop"));
        if (callee is not JinjaFunction target) throw scope.Rendering.Fail($"cannot call {Operators.TypeName(callee)}");
        Arguments values = arguments.Evaluate(scope, target.Name);
        if (caller is not null) values.Named["caller"] = caller;
        scope.Rendering.Line = Line;
        return target.Call(scope.Rendering, values);
    }
}

/// <summary><c>value | name(arguments)</c>.</summary>
internal sealed class FilterCall(int line, Expression value, string name, ArgumentList arguments) : Expression(line)
{
    /// <summary>The variable that a filter block's text is in; no template can write this name.</summary>
    public const string BlockText = "the block's text";

    protected override object? Compute(Scope scope)
    {
        object? input = value.Evaluate(scope);
        Arguments values = arguments.Evaluate(scope, name);
        scope.Rendering.Line = Line;
        return Filters.Apply(scope.Rendering, name, input, values);
    }
}

internal sealed class TestCall(int line, Expression value, string name, ArgumentList arguments, bool negate) : Expression(line)
{
    protected override object? Compute(Scope scope)
    {
        object? input = value.Evaluate(scope);
        Arguments values = arguments.Evaluate(scope, name);
        scope.Rendering.Line = Line;
        return Tests.Holds(scope.Rendering, name, input, values) != negate;
    }
}
