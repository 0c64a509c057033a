namespace Edge.Llm.Templates.Jinja;

/// <summary>A node of the syntax tree that has a value.</summary>
internal abstract class Expression(int line)
{
    public int Line { get; } = line;

    public object? Evaluate(Scope scope)
    {
        scope.Rendering.Enter();
        scope.Rendering.Line = Line;
        object? value = Compute(scope);
        scope.Rendering.Leave();
        return value;
    }

    public bool IsTrue(Scope scope) => Operators.IsTrue(Evaluate(scope));

    protected abstract object? Compute(Scope scope);
}

internal sealed class Literal(int line, object? value) : Expression(line)
{
    public object? Value { get; } = value;

    protected override object? Compute(Scope scope) => Value;
}

internal sealed class Name(int line, string value) : Expression(line)
{
    public string Value { get; } = value;

    protected override object? Compute(Scope scope) => scope.Get(Value);
}

internal sealed class ListLiteral(int line, List<Expression> items, bool isTuple) : Expression(line)
{
    private const int ObjectCost = 8;

    public List<Expression> Items { get; } = items;

    public bool IsTuple { get; } = isTuple;

    protected override object? Compute(Scope scope)
    {
        scope.Rendering.Step(ObjectCost);
        var values = new List<object?>(Items.Count);
        foreach (Expression item in Items) values.Add(item.Evaluate(scope));
        return new JinjaList(values, IsTuple ? SequenceKind.Tuple : SequenceKind.List);
    }
}

internal sealed class DictLiteral(int line, List<(Expression Key, Expression Value)> entries) : Expression(line)
{
    private const int ObjectCost = 16;

    protected override object? Compute(Scope scope)
    {
        scope.Rendering.Step(ObjectCost);
        var dict = new JinjaDict();
        foreach ((Expression key, Expression value) in entries)
            dict.Items[DictKey.Of(scope.Rendering, key.Evaluate(scope))] = value.Evaluate(scope);
        return dict;
    }
}

internal sealed class Attribute(int line, Expression target, string name) : Expression(line)
{
    protected override object? Compute(Scope scope) => Members.Attribute(scope.Rendering, target.Evaluate(scope), name);
}

internal sealed class Subscript(int line, Expression target, Expression index) : Expression(line)
{
    protected override object? Compute(Scope scope) => Members.Item(scope.Rendering, target.Evaluate(scope), index.Evaluate(scope));
}

internal sealed class Slice(int line, Expression target, Expression? start, Expression? stop, Expression? step) : Expression(line)
{
    protected override object? Compute(Scope scope) =>
        Members.Slice(scope.Rendering, target.Evaluate(scope), start?.Evaluate(scope), stop?.Evaluate(scope), step?.Evaluate(scope));
}

internal sealed class Negate(int line, Expression operand, bool keepSign) : Expression(line)
{
    protected override object? Compute(Scope scope) => Operators.Signed(scope.Rendering, isMinus: !keepSign, operand.Evaluate(scope));
}

internal sealed class Not(int line, Expression operand) : Expression(line)
{
    protected override object? Compute(Scope scope) => !operand.IsTrue(scope);
}

/// <summary><c>and</c>, <c>or</c>: the value that decided.</summary>
internal sealed class Logical(int line, bool isAnd, Expression left, Expression right) : Expression(line)
{
    protected override object? Compute(Scope scope)
    {
        object? value = left.Evaluate(scope);
        return Operators.IsTrue(value) == isAnd ? right.Evaluate(scope) : value;
    }
}

internal sealed class Conditional(int line, Expression condition, Expression then, Expression? otherwise) : Expression(line)
{
    protected override object? Compute(Scope scope) =>
        condition.IsTrue(scope) ? then.Evaluate(scope) : otherwise is null ? new Undefined("an inline if without else") : otherwise.Evaluate(scope);
}

internal sealed class Arithmetic(int line, string op, Expression left, Expression right) : Expression(line)
{
    protected override object? Compute(Scope scope)
    {
        object? a = left.Evaluate(scope), b = right.Evaluate(scope);
        scope.Rendering.Line = Line;
        return op == "~"
            ? Operators.Concat(scope.Rendering, PythonText.Str(scope.Rendering, a), PythonText.Str(scope.Rendering, b))
            : Operators.Arithmetic(scope.Rendering, op, a, b);
    }
}

/// <summary>A chain as in Python: a &lt; b &lt; c.</summary>
internal sealed class Comparison(int line, Expression first, List<(string Op, Expression Operand)> rest) : Expression(line)
{
    protected override object? Compute(Scope scope)
    {
        Rendering rendering = scope.Rendering;
        object? left = first.Evaluate(scope);
        foreach ((string op, Expression operand) in rest)
        {
            object? right = operand.Evaluate(scope);
            bool holds = op switch
            {
                "==" => Operators.AreEqual(rendering, left, right),
                "!=" => !Operators.AreEqual(rendering, left, right),
                "in" => Operators.Contains(rendering, right, left),
                "not in" => !Operators.Contains(rendering, right, left),
                "<" => Operators.Compare(rendering, left, right) < 0,
                "<=" => Operators.Compare(rendering, left, right) <= 0,
                ">" => Operators.Compare(rendering, left, right) > 0,
                _ => Operators.Compare(rendering, left, right) >= 0,
            };
            if (!holds) return false;
            left = right;
        }
        return true;
    }
}
