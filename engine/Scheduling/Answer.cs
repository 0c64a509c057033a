using System.Collections.Concurrent;

namespace Edge.Llm.Scheduling;

/// <summary>What a request generates: chooses token after token by sampler and grammar, turns them into text, and knows why it ended. What it
/// makes waits here for its reader.</summary>
internal sealed class Answer
{
    private const int NoToken = -1;

    private readonly GenerateOptions _options;
    private readonly Vocabulary _vocabulary;
    private readonly SamplerChain _sampler;
    private readonly GrammarMatcher? _matcher;
    private readonly TokenMask? _mask;
    private readonly ReasoningBudget? _budget;
    private readonly StopStrings _stops;
    private readonly StreamingDecoder _decoder;
    private readonly ConcurrentQueue<GeneratedToken> _made = [];
    private readonly int _room; // tokens of an answer that fit the context

    /// <summary>Checks everything and chooses nothing.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, GrammarError.</exception>
    public Answer(int promptLength, Tokenizer tokenizer, GenerateOptions options, int maxLength, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options.Sampling);
        ArgumentNullException.ThrowIfNull(options.Stop);
        if (options.MaxTokens < -1)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"MaxTokens: expected -1 or more, found {options.MaxTokens}");
        if (options.LogProbabilities < 0)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"LogProbabilities: expected 0 or more, found {options.LogProbabilities}");
        (_options, _vocabulary) = (options, tokenizer.Vocabulary);
        _room = options.ContextShift is null ? maxLength - promptLength + 1 : int.MaxValue; // the last one needs no place in the sequence
        _sampler = new SamplerChain(options.IgnoreEos ? WithoutEos(options.Sampling) : options.Sampling, tokenizer, options.Choice);
        if (options.Grammar is { } grammar)
        {
            _matcher = Compile(grammar, tokenizer, cancellation).NewMatcher();
            _mask = new TokenMask(_vocabulary.Count);
        }
        if (options.Reasoning is { } limit) _budget = new ReasoningBudget(limit, tokenizer);
        _stops = new StopStrings(options.Stop);
        _decoder = new StreamingDecoder(tokenizer, options.RenderSpecial, continuation: true, options.RenderedTokens);
    }

    /// <summary>The seed of the draws.</summary>
    public ulong Seed => _sampler.Seed;

    /// <summary>Tokens generated.</summary>
    public int Count { get; private set; }

    /// <summary>Items that the reader has not seen.</summary>
    public int Unread => _made.Count;

    /// <summary>Why it ended, or null.</summary>
    public FinishReason? Finish { get; private set; }

    /// <summary>Chooses the token that follows a text. It may be the one that ends the answer, which is no part of it.</summary>
    /// <exception cref="EdgeLlmException">NonFinite, InvalidArgument, GrammarError.</exception>
    public int Choose(ReadOnlySpan<float> logits, ReadOnlySpan<int> text)
    {
        bool isForced = TryCloseReasoning(out int token);
        if (!isForced)
        {
            _matcher?.Fill(_mask!, TokensLeft);
            token = _sampler.Sample(logits, text, text.Length, _mask);
            if (_matcher is not null && !_matcher.Accept(token))
                throw new EdgeLlmException(ErrorCode.Internal, $"the grammar's mask allows token {token}, but the grammar does not");
        }
        if (_options.MaxTokens == 0) End(FinishReason.Length);
        else if (!_options.IgnoreEos && _vocabulary.IsEndOfGeneration(token)) End(FinishReason.Eos);
        else Append(token, !isForced && _options.LogProbabilities is { } top ? _sampler.Explain(logits, token, top) : null);
        return token;
    }

    /// <summary>Adds the next token if grammar or budget leave no choice: its logits need not be computed.</summary>
    /// <returns>Whether there was one. Where nothing but the end may follow, the answer has ended.</returns>
    /// <exception cref="EdgeLlmException">GrammarError.</exception>
    public bool TryForce(out int token)
    {
        token = NoToken;
        if (Finish is not null) return false;
        if (TryCloseReasoning(out token))
        {
            Append(token);
            return true;
        }
        if (_matcher is null) return false;
        if (_matcher.MustEnd)
        {
            End(FinishReason.Eos);
            return false;
        }
        if (_options.LogProbabilities is not null) return false; // they are made of logits
        token = _matcher.ForcedToken(TokensLeft);
        if (token < 0 || _sampler.Bans(token) || !_matcher.Accept(token)) return false;
        _sampler.SkipForced();
        Append(token);
        return true;
    }

    /// <summary>Ends it: the last item for the reader carries the text that was held back.</summary>
    public void End(FinishReason reason)
    {
        if (Finish is not null) return;
        string rest = "";
        if (reason != FinishReason.Stop)
        {
            rest = _stops.Append(_decoder.Flush(), out bool stopped) + _stops.Flush();
            if (stopped) reason = FinishReason.Stop;
        }
        Finish = reason;
        _made.Enqueue(new GeneratedToken(NoToken, rest, reason) { StopString = _stops.Found });
    }

    /// <summary>Its reader has gone.</summary>
    public void Abandon() => Finish ??= FinishReason.Cancelled;

    /// <summary>The next item for the reader.</summary>
    public bool TryRead(out GeneratedToken token) => _made.TryDequeue(out token);

    /// <summary>What may still be made, the next one included.</summary>
    public int TokensLeft => Math.Min(_room, _options.MaxTokens < 0 ? int.MaxValue : _options.MaxTokens) - Count;

    // The next token of what closes the model's section for itself, once that is at its limit.
    private bool TryCloseReasoning(out int token)
    {
        token = _budget?.Forced ?? NoToken;
        if (token < 0 || _sampler.Bans(token) || _matcher?.Accept(token) == false) return false;
        _sampler.SkipForced();
        return true;
    }

    private void Append(int token, ChoiceProbabilities? probabilities = null)
    {
        Count++;
        _budget?.Append(token);
        _made.Enqueue(new GeneratedToken(token, _stops.Append(_decoder.Append(token), out bool stopped), null) { Probabilities = probabilities });
        if (stopped) End(FinishReason.Stop);
        else if (TokensLeft == 0) End(_matcher is { IsComplete: true } ? FinishReason.Eos : FinishReason.Length);
    }

    private CompiledGrammar Compile(Grammar grammar, Tokenizer tokenizer, CancellationToken cancellation)
    {
        if (_options.IgnoreEos) throw new EdgeLlmException(ErrorCode.InvalidArgument, "IgnoreEos beside a grammar: a text of a grammar ends");
        CompiledGrammar compiled = grammar.Compile(tokenizer, cancellation);
        int shortest = compiled.ShortestTokens;
        if (_options.MaxTokens >= 0 && _options.MaxTokens < shortest)
            throw new EdgeLlmException(
                ErrorCode.InvalidArgument, $"MaxTokens: expected at least {shortest}, the shortest text of the grammar, found {_options.MaxTokens}");
        return _room >= shortest ? compiled
            : throw new EdgeLlmException(ErrorCode.ContextFull, $"the context has room for {_room} tokens; the shortest text of the grammar has {shortest}");
    }

    private SamplingOptions WithoutEos(SamplingOptions sampling)
    {
        var bias = new Dictionary<int, float>(sampling.LogitBias ?? new Dictionary<int, float>());
        foreach (int id in _vocabulary.EndOfGenerationIds) bias[id] = float.NegativeInfinity;
        return sampling with { LogitBias = bias };
    }
}
