namespace Edge.Llm.Templates.Jinja;

/// <summary>Blocks: <c>{% ... %}</c>, and the text and output between them.</summary>
internal sealed class TemplateParser(List<Token> tokens) : ExpressionParser(tokens)
{
    private int _loops; // around what is being read

    public static Block Parse(string source)
    {
        var parser = new TemplateParser(Lexer.Tokenize(source));
        Block block = parser.ParseBlock([]);
        if (parser.Current.Kind != TokenKind.End) throw parser.Unexpected("the end of the template");
        return block;
    }

    /// <summary>Statements up to one of some block names, which is left to be read (its opening is taken).</summary>
    private Block ParseBlock(string[] ends)
    {
        EnterNesting();
        var statements = new List<Statement>();
        while (Current.Kind != TokenKind.End)
        {
            Token token = Consume();
            if (token.Kind == TokenKind.Text) statements.Add(new TextStatement(token.Line, token.Value));
            else if (token.Kind == TokenKind.OutputBegin)
            {
                statements.Add(new OutputStatement(token.Line, [ParseTuple()]));
                if (Current.Kind != TokenKind.OutputEnd) throw Unexpected("}}");
                Consume();
            }
            else if (Current.Kind == TokenKind.Name && ends.Contains(Current.Value))
            {
                LeaveNesting();
                return new Block(statements);
            }
            else statements.Add(ParseStatement());
        }
        if (ends.Length > 0) throw Unexpected($"{{% {string.Join(" or ", ends)} %}}");
        LeaveNesting();
        return new Block(statements);
    }

    private Statement ParseStatement()
    {
        Token keyword = Current;
        string name = ExpectIdentifier();
        switch (name)
        {
            case "if": return ParseIf(keyword.Line);
            case "for": return ParseFor(keyword.Line);
            case "set": return ParseSet(keyword.Line);
            case "macro": return ParseMacro(keyword.Line);
            case "call": return ParseCall(keyword.Line);
            case "filter": return ParseFilterBlock(keyword.Line);
            case "with": return ParseWith(keyword.Line);
            case "do": return End(new DoStatement(keyword.Line, ParseTuple()));
            case "print": return ParsePrint(keyword.Line);
            case "break" or "continue" when _loops == 0: throw Rendering.Error(ErrorCode.InvalidArgument, keyword.Line, $"{name} outside a loop");
            case "break": return End(new JumpStatement(keyword.Line, Flow.Break));
            case "continue": return End(new JumpStatement(keyword.Line, Flow.Continue));
            // Marks what the assistant wrote, for training. The body is a scope of its own.
            case "generation":
                EndBlock();
                return new WithStatement(keyword.Line, [], ParseApart("endgeneration"));
            case "include" or "import" or "from" or "extends" or "block" or "autoescape" or "trans":
                throw Rendering.Error(ErrorCode.Unsupported, keyword.Line, $"{name} blocks are not for chat templates");
            default: throw Rendering.Error(ErrorCode.InvalidArgument, keyword.Line, $"unexpected block {name}");
        }
    }

    private IfStatement ParseIf(int line)
    {
        List<(Expression, Block)> branches = [];
        EnterBranch();
        do
        {
            Expression condition = ParseTuple();
            EndBlock();
            branches.Add((condition, ParseBlock(["elif", "else", "endif"])));
        }
        while (TryName("elif"));
        Block? otherwise = null;
        if (TryName("else"))
        {
            EndBlock();
            otherwise = ParseBlock(["endif"]);
        }
        LeaveBranch();
        Finish("endif");
        return new IfStatement(line, branches, otherwise);
    }

    private ForStatement ParseFor(int line)
    {
        Expression target = ParseTarget();
        if (!TryName("in")) throw Unexpected("in");
        Expression sequence = ParseTuple(withConditional: false);
        Expression? filter = TryName("if") ? ParseExpression() : null;
        bool isRecursive = TryName("recursive");
        EndBlock();
        _loops++;
        Block body = ParseBlock(["else", "endfor"]);
        _loops--;
        Block? otherwise = null;
        if (TryName("else"))
        {
            EndBlock();
            otherwise = ParseBlock(["endfor"]);
        }
        Finish("endfor");
        return new ForStatement(line, target, sequence, filter, isRecursive, body, otherwise);
    }

    private SetStatement ParseSet(int line)
    {
        Expression target = ParseTarget();
        if (TryOperator("=")) return End(new SetStatement(line, target, ParseTuple(), null, null));
        FilterCall? filter = TryOperator("|") ? ParseFilters() : null;
        EndBlock();
        Block body = ParseBlock(["endset"]);
        Finish("endset");
        return new SetStatement(line, target, null, body, filter);
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = ExpectIdentifier();
        List<(string, Expression?)> parameters = ParseParameters();
        EndBlock();
        return new MacroStatement(line, name, ParseMacroBody(name, parameters, "endmacro"));
    }

    private CallStatement ParseCall(int line)
    {
        List<(string, Expression?)> parameters = Current.IsOperator("(") ? ParseParameters() : [];
        if (ParseExpression() is not Call call) throw Unexpected("a call");
        EndBlock();
        return new CallStatement(line, call, ParseMacroBody(null, parameters, "endcall"));
    }

    private MacroDefinition ParseMacroBody(string? name, List<(string Name, Expression? Default)> parameters, string end)
    {
        MacroNames outside = SpecialNames;
        SpecialNames = MacroNames.None;
        Block body = ParseApart(end);
        MacroNames uses = SpecialNames;
        if (parameters.Exists(parameter => parameter.Name == "caller")) uses &= ~MacroNames.Caller;
        if (parameters.Exists(parameter => parameter.Name == "kwargs")) uses &= ~MacroNames.Kwargs;
        if (parameters.Exists(parameter => parameter.Name == "varargs")) uses &= ~MacroNames.Varargs;
        var macro = new MacroDefinition(name, parameters, uses, body);
        SpecialNames |= outside;
        return macro;
    }

    /// <summary>A body that no break can leave.</summary>
    private Block ParseApart(string end)
    {
        int loops = _loops;
        _loops = 0;
        Block body = ParseBlock([end]);
        Finish(end);
        _loops = loops;
        return body;
    }

    private OutputStatement ParsePrint(int line)
    {
        List<Expression> values = [];
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0) ExpectOperator(",");
            values.Add(ParseExpression());
        }
        return End(new OutputStatement(line, values));
    }

    private FilterStatement ParseFilterBlock(int line)
    {
        FilterCall filter = ParseFilters();
        EndBlock();
        Block body = ParseBlock(["endfilter"]);
        Finish("endfilter");
        return new FilterStatement(line, filter, body);
    }

    private WithStatement ParseWith(int line)
    {
        List<(Expression, Expression)> assignments = [];
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0) ExpectOperator(",");
            Expression target = ParseTarget();
            ExpectOperator("=");
            assignments.Add((target, ParseExpression()));
        }
        EndBlock();
        Block body = ParseBlock(["endwith"]);
        Finish("endwith");
        return new WithStatement(line, assignments, body);
    }

    private FilterCall ParseFilters()
    {
        FilterCall filter = ParseFilter(new Name(Current.Line, FilterCall.BlockText));
        while (TryOperator("|")) filter = ParseFilter(filter);
        return filter;
    }

    private List<(string Name, Expression? Default)> ParseParameters()
    {
        var parameters = new List<(string, Expression?)>();
        ExpectOperator("(");
        while (!TryOperator(")"))
        {
            string name = ExpectIdentifier();
            parameters.Add((name, TryOperator("=") ? ParseExpression() : null));
            if (!Current.IsOperator(")")) ExpectOperator(",");
        }
        return parameters;
    }

    /// <summary>What is assigned to: a name, a member of a namespace, or several of them.</summary>
    private Expression ParseTarget()
    {
        int line = Current.Line;
        Expression first = ParseSingleTarget();
        if (!Current.IsOperator(",")) return first;
        List<Expression> targets = [first];
        while (TryOperator(",") && (Current.IsOperator("(") || (Current.Kind == TokenKind.Name && !Current.IsName("in")))) targets.Add(ParseSingleTarget());
        return new ListLiteral(line, targets, isTuple: true);
    }

    private Expression ParseSingleTarget()
    {
        int line = Current.Line;
        if (TryOperator("("))
        {
            EnterNesting();
            Expression inner = ParseTarget();
            LeaveNesting();
            ExpectOperator(")");
            return inner;
        }
        string name = ExpectIdentifier();
        return TryOperator(".") ? new NamespaceTarget(line, name, ExpectIdentifier()) : new Name(line, name);
    }

    private void Finish(string name)
    {
        if (!TryName(name)) throw Unexpected(name);
        EndBlock();
    }

    private void EndBlock()
    {
        if (Current.Kind != TokenKind.BlockEnd) throw Unexpected("%}");
        Consume();
    }

    private T End<T>(T statement)
    {
        EndBlock();
        return statement;
    }
}
