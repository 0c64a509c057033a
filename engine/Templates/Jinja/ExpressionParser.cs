using System.Runtime.CompilerServices;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Expressions, a method for each level of precedence, loosest first.</summary>
internal partial class ExpressionParser(List<Token> tokens)
{
    private const int MaxDepth = 200;

    private int _at;
    private int _depth;
    private int _conditional; // in how many branches: there an unknown filter or test fails when it is reached

    protected Token Current => tokens[_at];

    protected Token Consume() => tokens[_at].Kind == TokenKind.End ? tokens[_at] : tokens[_at++];

    protected bool TryName(string name)
    {
        if (!Current.IsName(name)) return false;
        _at++;
        return true;
    }

    protected bool TryOperator(string op)
    {
        if (!Current.IsOperator(op)) return false;
        _at++;
        return true;
    }

    protected void ExpectOperator(string op)
    {
        if (!TryOperator(op)) throw Unexpected(op);
    }

    protected string ExpectIdentifier() => Current.Kind == TokenKind.Name ? Consume().Value : throw Unexpected("a name");

    protected EdgeLlmException Unexpected(string expected) =>
        Rendering.Error(ErrorCode.InvalidArgument, Current.Line, $"expected {expected}, found {Current}");

    protected void EnterNesting()
    {
        if (++_depth > MaxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Rendering.Error(ErrorCode.InvalidArgument, Current.Line, $"it nests more than {MaxDepth} deep");
    }

    protected void LeaveNesting() => _depth--;

    protected void EnterBranch() => _conditional++;

    protected void LeaveBranch() => _conditional--;

    /// <summary>An expression, or several with commas between: a tuple.</summary>
    protected Expression ParseTuple(bool withConditional = true)
    {
        int line = Current.Line;
        Expression first = withConditional ? ParseExpression() : ParseOr();
        if (!Current.IsOperator(",")) return first;
        List<Expression> items = [first];
        while (TryOperator(","))
        {
            if (EndsTuple()) break;
            items.Add(withConditional ? ParseExpression() : ParseOr());
        }
        return new ListLiteral(line, items, isTuple: true);
    }

    private bool EndsTuple() => Current.Kind is TokenKind.BlockEnd or TokenKind.OutputEnd or TokenKind.End
        || Current.IsOperator(")") || Current.IsOperator("=") || Current.IsName("in");

    protected Expression ParseExpression()
    {
        EnterNesting();
        Expression value = ParseOr();
        while (Current.IsName("if"))
        {
            int line = Consume().Line;
            Expression condition = ParseOr();
            _conditional++;
            value = new Conditional(line, condition, value, TryName("else") ? ParseExpression() : null);
            _conditional--;
        }
        LeaveNesting();
        return value;
    }

    protected Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (Current.IsName("or")) left = new Logical(Consume().Line, isAnd: false, left, ParseAnd());
        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (Current.IsName("and")) left = new Logical(Consume().Line, isAnd: true, left, ParseNot());
        return left;
    }

    private Expression ParseNot()
    {
        if (!Current.IsName("not")) return ParseComparison();
        EnterNesting();
        var negated = new Not(Consume().Line, ParseNot());
        LeaveNesting();
        return negated;
    }

    private Expression ParseComparison()
    {
        int line = Current.Line;
        Expression first = ParseSum();
        List<(string, Expression)> rest = [];
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Current.Value is "==" or "!=" or "<" or "<=" or ">" or ">=") rest.Add((Consume().Value, ParseSum()));
            else if (TryName("in")) rest.Add(("in", ParseSum()));
            else if (Current.IsName("not") && tokens[_at + 1].IsName("in"))
            {
                _at += 2;
                rest.Add(("not in", ParseSum()));
            }
            else return rest.Count == 0 ? first : new Comparison(line, first, rest);
        }
    }

    private Expression ParseSum()
    {
        Expression left = ParseConcat();
        while (Current.IsOperator("+") || Current.IsOperator("-")) left = Binary(left, ParseConcat);
        return left;
    }

    private Expression ParseConcat()
    {
        Expression left = ParseProduct();
        while (Current.IsOperator("~")) left = Binary(left, ParseProduct);
        return left;
    }

    private Expression ParseProduct()
    {
        Expression left = ParsePower();
        while (Current.Kind == TokenKind.Operator && Current.Value is "*" or "/" or "//" or "%") left = Binary(left, ParsePower);
        return left;
    }

    private Expression ParsePower()
    {
        Expression left = ParseUnary(withFilters: true);
        while (Current.IsOperator("**")) left = Binary(left, () => ParseUnary(withFilters: true));
        return left;
    }

    private Arithmetic Binary(Expression left, Func<Expression> parseRight)
    {
        Token op = Consume();
        return new Arithmetic(op.Line, op.Value, left, parseRight());
    }

    private Expression ParseUnary(bool withFilters)
    {
        EnterNesting();
        Token token = Current;
        Expression value = token.IsOperator("-") || token.IsOperator("+")
            ? new Negate(Consume().Line, ParseUnary(withFilters: false), keepSign: token.Value == "+")
            : ParsePostfix(ParsePrimary());
        if (withFilters) value = ParseFiltersAndTests(value);
        LeaveNesting();
        return value;
    }

    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            if (TryOperator("|")) value = ParseFilter(value);
            else if (Current.IsName("is")) value = ParseTest(value);
            else if (Current.IsOperator("(")) value = new Call(Current.Line, value, ParseArguments());
            else return value;
        }
    }

    protected FilterCall ParseFilter(Expression value)
    {
        int line = Current.Line;
        string name = ExpectIdentifier();
        if (_conditional == 0 && !Filters.Exists(name)) throw Rendering.Error(ErrorCode.Unsupported, line, $"unknown filter {name}");
        return new FilterCall(line, value, name, Current.IsOperator("(") ? ParseArguments() : new ArgumentList());
    }

    private TestCall ParseTest(Expression value)
    {
        int line = Consume().Line;
        bool negate = TryName("not");
        string name = ExpectIdentifier();
        if (_conditional == 0 && !Tests.Exists(name)) throw Rendering.Error(ErrorCode.Unsupported, line, $"unknown test {name}");
        var arguments = new ArgumentList();
        if (Current.IsOperator("(")) arguments = ParseArguments();
        else if (BeginsTestArgument()) arguments.Items.Add((null, ParsePostfix(ParsePrimary())));
        return new TestCall(line, value, name, arguments, negate);
    }

    private bool BeginsTestArgument() => Current.Kind is TokenKind.String or TokenKind.Integer or TokenKind.Float
        || Current.IsOperator("[") || Current.IsOperator("{")
        || (Current.Kind == TokenKind.Name && Current.Value is not ("else" or "or" or "and" or "is" or "if" or "in" or "not"));

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            int line = Current.Line;
            if (TryOperator("."))
            {
                if (Current.Kind == TokenKind.Integer) value = new Subscript(line, value, ParsePrimary());
                else value = new Attribute(line, value, ExpectIdentifier());
            }
            else if (Current.IsOperator("[")) value = ParseSubscript(value);
            else if (Current.IsOperator("(")) value = new Call(line, value, ParseArguments());
            else return value;
        }
    }

    private Expression ParseSubscript(Expression value)
    {
        int line = Consume().Line;
        Expression? start = Current.IsOperator(":") ? null : ParseTuple();
        if (TryOperator("]")) return new Subscript(line, value, start!);
        Expression? stop = null, step = null;
        ExpectOperator(":");
        if (!Current.IsOperator(":") && !Current.IsOperator("]")) stop = ParseExpression();
        if (TryOperator(":") && !Current.IsOperator("]")) step = ParseExpression();
        ExpectOperator("]");
        return new Slice(line, value, start, stop, step);
    }

    protected ArgumentList ParseArguments()
    {
        var arguments = new ArgumentList();
        ExpectOperator("(");
        while (!TryOperator(")"))
        {
            string? name = null;
            if (TryOperator("*")) name = ArgumentList.Spread;
            else if (TryOperator("**")) name = ArgumentList.SpreadNamed;
            else if (Current.Kind == TokenKind.Name && tokens[_at + 1].IsOperator("="))
            {
                name = Consume().Value;
                _at++;
            }
            if (!arguments.CanAdd(name)) throw Unexpected("another order of arguments, each name once");
            arguments.Items.Add((name, ParseExpression()));
            if (!Current.IsOperator(")")) ExpectOperator(",");
        }
        return arguments;
    }
}
