using Edge.Llm.Grammars;

namespace Edge.Llm.Answers;

/// <summary>Makes the productions of an answer.</summary>
internal sealed class AnswerProductions
{
    private readonly AnswerGrammar _answer;
    private readonly Productions _productions;
    private readonly PatternPool _patterns;
    private readonly Tokenizer _tokenizer;
    private readonly MarkerSpelling _spelling;
    private readonly int _other; // control tokens that are no markers: they may stand in free text, as without a grammar

    public AnswerProductions(AnswerGrammar answer, Productions productions, Tokenizer tokenizer)
    {
        (_answer, _productions, _patterns, _tokenizer) = (answer, productions, productions.Patterns, tokenizer);
        _spelling = new MarkerSpelling(tokenizer.Vocabulary, productions);
        int[] others = [.. _spelling.OtherControlTokens(MarkerSpelling.TextsOf(answer.Style, answer.Reasoning))];
        _other = others.Length == 0 ? Productions.Nothing : productions.Tokens(new TokenSet(others, Excluded: false));
    }

    /// <summary>The root.</summary>
    public int Make()
    {
        if (_answer.Style == ToolStyles.Harmony) return Harmony();
        int body = Body();
        if (_answer.Reasoning is not { } reasoning) return body;
        int rest = _answer.Forced ? _productions.Sequence(Space(), body) : body;
        int section = _answer.Forced || _answer.Content is not null ? Until(reasoning.Close, rest) : UntilOrEnd(reasoning.Close, rest);
        return _answer.InReasoning ? section : _productions.Either(body, _productions.Sequence(Space(), _spelling.Of(reasoning.Open), section));
    }

    private int Body()
    {
        if (_answer.Style is not { } style) return _answer.Content?.AddTo(_productions, _tokenizer) ?? FreeText([], null);
        int calls = new CallProductions(_answer, _productions, _spelling).Make();
        int opened = _productions.Sequence(_spelling.Of((style.AtStart is [string start, ..] ? start : style.First[0])), calls);
        if (_answer.Forced) return opened;
        if (_answer.Content is { } content) return _productions.Either(content.AddTo(_productions, _tokenizer), opened);
        int triggered = _productions.Sequence(_spelling.Of(style.First[0][style.Trigger.Length..]), calls);
        return style.AtStart.Length == 0 ? UntilOrEnd(style.Trigger, triggered)
            : _productions.Either(opened, UntilOrEnd(style.Trigger, triggered, NoOpening(style)));
    }

    // Messages with channels. The model's own come first, and the one that is a call or for the user last.
    private int Harmony()
    {
        ToolStyle style = ToolStyles.Harmony;
        int next = _spelling.Of("<|start|>assistant"), calls = Productions.Nothing, user = Productions.Nothing;
        if (_answer.Tools.Length > 0) calls = _productions.Sequence(_spelling.Of(style.First[0]), new CallProductions(_answer, _productions, _spelling).Make());
        if (!_answer.Forced)
        {
            int text = _answer.Content?.AddTo(_productions, _tokenizer) ?? FreeText(["<|end|>", "<|start|>", "<|channel|>"], null);
            user = _productions.Sequence(_spelling.Of("<|channel|>final<|message|>"), text);
            int preamble = _productions.Sequence(
                _spelling.Of("<|channel|>commentary<|message|>"), Until("<|end|>", _productions.Sequence(next, _productions.Either(calls, user))));
            user = _productions.Either(user, preamble);
        }
        int last = _productions.Either(calls, user), behind = _productions.Sequence(next, last);
        int own = _productions.Sequence(
            _spelling.Of("<|channel|>analysis<|message|>"), _answer.Forced ? Until("<|end|>", behind) : UntilOrEnd("<|end|>", behind));
        return _productions.Either(own, last);
    }

    private int Space() => _productions.Pattern(_patterns.Repeat(_patterns.Bytes(ByteSet.Of((byte)' ') | ByteSet.Of((byte)'\n')), 0, 4));

    private int UntilOrEnd(string marker, int rest, int? start = null) =>
        _productions.Either(FreeText([marker], start), Until(marker, rest, start));

    // Free text up to the first time that a marker stands in it, and what follows that. Other control tokens stand between texts.
    private int Until(string marker, int rest, int? start = null)
    {
        if (_spelling.ControlToken(marker) is { } token)
            return _tokenizer.Vocabulary.IsEndOfGeneration(token) ? Productions.Nothing : _productions.Sequence(FreeText([marker], start), _productions.Tokens(new TokenSet([token], Excluded: false)), rest);
        int text = _spelling.Text(marker), any = PatternPool.Everything;
        int until = _patterns.Both(_patterns.Sequence(any, text), _patterns.Not(_patterns.Sequence(any, text, _patterns.AnyBytes, any)));
        int first = _patterns.Both(until, start ?? any);
        int behindOther = _productions.Sequence(
            _productions.Pattern(Without([marker], start)), _productions.Repeat(_productions.Sequence(Other(), _productions.Pattern(Without([marker], null))), 0), Other());
        return _productions.Sequence(
            _productions.Either(_productions.Pattern(first), _productions.Sequence(behindOther, _productions.Pattern(until))), rest);
    }

    // Text without some markers; its first stretch matches one more pattern.
    private int FreeText(string[] markers, int? start) => _productions.Sequence(
        _productions.Pattern(Without(markers, start)),
        _productions.Repeat(_productions.Sequence(Other(), _productions.Pattern(Without(markers, null))), 0));

    private int Other() => _other;

    private int Without(string[] markers, int? start)
    {
        int any = PatternPool.Everything;
        int found = _patterns.Either([.. markers.Select(marker => _patterns.Sequence(any, _spelling.Text(marker), any))]);
        return _patterns.Both(_patterns.Not(found), start ?? any);
    }

    // Texts that do not begin as a call does, in whatever white space.
    private int NoOpening(ToolStyle style)
    {
        int space = _patterns.Repeat(_patterns.Bytes(ByteSet.Of((byte)' ') | ByteSet.Of((byte)'\n') | ByteSet.Of((byte)'\r') | ByteSet.Of((byte)'\t')), 0);
        int names = _patterns.Literals(ToolSet.Parse(_answer.Tools).Names.Select(System.Text.Encoding.UTF8.GetBytes));
        int[] openings = [.. style.AtStart.Select(opening =>
            _patterns.Sequence(space, new Marker(opening).ToPattern(_patterns, space), names, _patterns.Text("\""u8), PatternPool.Everything))];
        return _patterns.Not(_patterns.Either(openings));
    }
}
