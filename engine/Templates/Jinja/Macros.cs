namespace Edge.Llm.Templates.Jinja;

/// <summary>A block with parameters: the body of a macro, or what a call block hands to it.</summary>
internal sealed class MacroDefinition(string name, List<(string Name, Expression? Default)> parameters, Block body)
{
    private const int ObjectCost = 8;

    public JinjaFunction Bind(Scope definition)
    {
        definition.Rendering.Step(ObjectCost);
        return new JinjaFunction(name, (rendering, arguments) =>
        {
            Scope scope = definition.Inner();
            BindArguments(rendering, scope, arguments);
            return body.Capture(scope);
        });
    }

    private void BindArguments(Rendering rendering, Scope scope, Arguments arguments)
    {
        int position = 0;
        var left = new JinjaDict();
        foreach ((string key, object? value) in arguments.Named)
            if (key != "caller" && !parameters.Exists(parameter => parameter.Name == key)) left.Set(key, value);
        scope.Set("kwargs", left);
        scope.Set("varargs", new JinjaList([.. arguments.Positional.Skip(parameters.Count)], isTuple: true));
        scope.Set("caller", arguments.Named.GetValueOrDefault("caller") ?? new Undefined("'caller'"));
        foreach ((string parameter, Expression? byDefault) in parameters)
        {
            object? value = arguments.TryGet(position++, parameter, out object? given) ? given
                : byDefault is not null ? byDefault.Evaluate(scope)
                : new Undefined($"parameter '{parameter}'");
            scope.Set(parameter, value);
        }
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
