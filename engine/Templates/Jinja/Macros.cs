namespace Edge.Llm.Templates.Jinja;

/// <summary>Names that a macro's body may use without having them as parameters.</summary>
[Flags]
internal enum MacroNames { None = 0, Caller = 1, Kwargs = 2, Varargs = 4 }

/// <summary>A block with parameters: the body of a macro, or what a call block hands to it, which has no name.</summary>
internal sealed class MacroDefinition(string? name, List<(string Name, Expression? Default)> parameters, MacroNames uses, Block body)
{
    private const int ObjectCost = 8;

    private string Shown => name ?? "caller";

    public JinjaFunction Bind(Scope definition)
    {
        definition.Rendering.Step(ObjectCost);
        return new JinjaFunction(Shown, (rendering, arguments) =>
        {
            Scope scope = definition.Inner();
            BindArguments(rendering, scope, arguments);
            return body.Capture(scope);
        })
        {
            Macro = this,
        };
    }

    public override string ToString() => name is null ? "<Macro anonymous>" : $"<Macro '{name}'>";

    /// <summary>An attribute of the macro.</summary>
    public object? Get(string attribute) => attribute switch
    {
        "name" => name is null ? null : TracedText.Template(name),
        "arguments" => new JinjaList([.. parameters.Select(parameter => TracedText.Template(parameter.Name))], SequenceKind.Tuple),
        "catch_kwargs" => Uses(MacroNames.Kwargs),
        "catch_varargs" => Uses(MacroNames.Varargs),
        "caller" => Uses(MacroNames.Caller),
        _ => new Undefined($"member '{attribute}'"),
    };

    private bool Uses(MacroNames special) => (uses & special) != 0;

    private void BindArguments(Rendering rendering, Scope scope, Arguments arguments)
    {
        var left = new Dictionary<string, object?>(arguments.Named);
        int position = 0;
        foreach ((string parameter, Expression? byDefault) in parameters)
        {
            object? value = position < arguments.Count ? arguments[position]
                : left.Remove(parameter, out object? given) ? given
                : byDefault is not null ? byDefault.Evaluate(scope)
                : new Undefined($"parameter '{parameter}'");
            position++;
            scope.Set(parameter, value);
        }
        if (Uses(MacroNames.Caller)) scope.Set("caller", left.Remove("caller", out object? caller) ? caller : new Undefined("'caller'"));
        if (Uses(MacroNames.Kwargs))
        {
            var named = new JinjaDict();
            foreach ((string key, object? value) in left) named.Set(key, value);
            scope.Set("kwargs", named);
        }
        else if (left.Count > 0) throw rendering.Fail($"macro {Shown}: unexpected argument {left.Keys.First()}");
        if (Uses(MacroNames.Varargs)) scope.Set("varargs", new JinjaList([.. arguments.Positional.Skip(parameters.Count)], SequenceKind.Tuple));
        else if (arguments.Count > parameters.Count)
            throw rendering.Fail($"macro {Shown}: expected at most {parameters.Count} arguments, found {arguments.Count}");
        rendering.Step(parameters.Count);
    }
}

internal sealed class MacroStatement(int line, string name, MacroDefinition macro) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        scope.Set(name, macro.Bind(scope));
        return Flow.Next;
    }
}

/// <summary><c>call(parameters) macro(arguments)</c>: the macro finds the body as <c>caller</c>.</summary>
internal sealed class CallStatement(int line, Call call, MacroDefinition body) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        output.Append(PythonText.Str(scope.Rendering, call.Invoke(scope, body.Bind(scope))));
        return Flow.Next;
    }
}
