namespace Edge.Llm.Templates.Jinja;

/// <summary>What a statement tells the loop around it.</summary>
internal enum Flow { Next, Break, Continue }

/// <summary>A node of the syntax tree that writes text or changes variables.</summary>
internal abstract class Statement(int line)
{
    public int Line { get; } = line;

    public Flow Execute(Scope scope, TextBuilder output)
    {
        scope.Rendering.Enter();
        scope.Rendering.Line = Line;
        Flow flow = Run(scope, output);
        scope.Rendering.Leave();
        return flow;
    }

    protected abstract Flow Run(Scope scope, TextBuilder output);
}

internal sealed class Block(List<Statement> statements)
{
    public Flow Execute(Scope scope, TextBuilder output)
    {
        foreach (Statement statement in statements)
            if (statement.Execute(scope, output) is not Flow.Next and Flow flow) return flow;
        return Flow.Next;
    }

    /// <summary>The text that the block writes.</summary>
    public TracedText Capture(Scope scope)
    {
        Capture(scope, out TracedText text);
        return text;
    }

    public Flow Capture(Scope scope, out TracedText text)
    {
        var output = new TextBuilder(scope.Rendering);
        Flow flow = Execute(scope, output);
        text = output.ToText();
        return flow;
    }
}

internal sealed class TextStatement(int line, string text) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        output.Append(text);
        return Flow.Next;
    }
}

internal sealed class OutputStatement(int line, List<Expression> values) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        foreach (Expression value in values) output.Append(PythonText.Str(scope.Rendering, value.Evaluate(scope)));
        return Flow.Next;
    }
}

/// <summary><c>do</c>: for the effect only.</summary>
internal sealed class DoStatement(int line, Expression value) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        value.Evaluate(scope);
        return Flow.Next;
    }
}

internal sealed class JumpStatement(int line, Flow flow) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output) => flow;
}

internal sealed class IfStatement(int line, List<(Expression Condition, Block Body)> branches, Block? otherwise) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        foreach ((Expression condition, Block body) in branches)
            if (condition.IsTrue(scope)) return body.Execute(scope, output);
        return otherwise?.Execute(scope, output) ?? Flow.Next;
    }
}

internal sealed class ForStatement(int line, Expression target, Expression sequence, Expression? filter, bool isRecursive, Block body, Block? otherwise)
    : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output) => Loop(scope, output, sequence.Evaluate(scope), depth: 0);

    private Flow Loop(Scope scope, TextBuilder output, object? over, int depth)
    {
        Rendering rendering = scope.Rendering;
        List<object?> items = Sequences.ToList(rendering, over);
        if (filter is not null) items = items.FindAll(item => filter.IsTrue(With(scope, item)));
        if (items.Count == 0) return otherwise?.Execute(scope.Inner(), output) ?? Flow.Next;
        var loop = new LoopState(items, depth, !isRecursive ? null : inner =>
        {
            rendering.Enter();
            var text = new TextBuilder(rendering);
            Loop(scope, text, inner, depth + 1);
            rendering.Leave();
            return text.ToText();
        });
        for (; loop.Index < items.Count; loop.Index++)
        {
            Scope inner = With(scope, items[loop.Index]);
            inner.Set("loop", loop);
            if (body.Execute(inner, output) == Flow.Break) break;
        }
        return Flow.Next;
    }

    private Scope With(Scope scope, object? item)
    {
        Scope inner = scope.Inner();
        Assignment.Assign(inner, target, item);
        return inner;
    }
}

/// <summary><c>set x = value</c>, or with a body, the text that it writes, filtered.</summary>
internal sealed class SetStatement(int line, Expression target, Expression? value, Block? body, Expression? filter) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        object? result;
        if (value is not null) result = value.Evaluate(scope);
        else if (body!.Capture(scope.Inner(), out TracedText text) is not Flow.Next and Flow flow) return flow;
        else result = filter is null ? text : FilterStatement.Apply(scope, text, filter);
        Assignment.Assign(scope, target, result);
        return Flow.Next;
    }
}

internal sealed class FilterStatement(int line, Expression filter, Block body) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        if (body.Capture(scope.Inner(), out TracedText text) is not Flow.Next and Flow flow) return flow;
        output.Append(PythonText.Str(scope.Rendering, Apply(scope, text, filter)));
        return Flow.Next;
    }

    public static object? Apply(Scope scope, TracedText text, Expression filter)
    {
        Scope inner = scope.Inner();
        inner.Set(FilterCall.BlockText, text);
        return filter.Evaluate(inner);
    }
}

internal sealed class WithStatement(int line, List<(Expression Target, Expression Value)> assignments, Block body) : Statement(line)
{
    protected override Flow Run(Scope scope, TextBuilder output)
    {
        Scope inner = scope.Inner();
        foreach ((Expression target, Expression value) in assignments) Assignment.Assign(inner, target, value.Evaluate(scope));
        return body.Execute(inner, output);
    }
}

internal static class Assignment
{
    public static void Assign(Scope scope, Expression target, object? value)
    {
        switch (target)
        {
            case Name name: scope.Set(name.Value, value); break;
            case NamespaceTarget member: member.Assign(scope, value); break;
            case ListLiteral targets:
                List<object?> values = Sequences.ToList(scope.Rendering, value);
                if (values.Count != targets.Items.Count)
                    throw scope.Rendering.Fail($"cannot unpack: expected {targets.Items.Count} values, found {values.Count}");
                for (int i = 0; i < values.Count; i++) Assign(scope, targets.Items[i], values[i]);
                break;
        }
    }
}

/// <summary><c>ns.name</c> to the left of an equals sign.</summary>
internal sealed class NamespaceTarget(int line, string variable, string member) : Expression(line)
{
    protected override object? Compute(Scope scope) => Members.Attribute(scope.Rendering, scope.Get(variable), member);

    public void Assign(Scope scope, object? value)
    {
        object? target = scope.Get(variable);
        if (target is not JinjaNamespace { Name: null } names)
            throw scope.Rendering.Fail($"set {variable}.{member}: expected a namespace, found {Operators.TypeName(target)}");
        names.Items[member] = value;
    }
}
