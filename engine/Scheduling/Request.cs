using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Edge.Llm.Adapters;

namespace Edge.Llm.Scheduling;

/// <summary>A generation as the scheduler sees it: a prompt to evaluate, then token after token until something ends it. What it makes
/// waits here for its reader.</summary>
internal sealed class Request
{
    private const int NoToken = -1;

    private readonly int[] _prompt;
    private readonly GenerateOptions _options;
    private readonly AdapterSet? _adapters;
    private readonly Vocabulary _vocabulary;
    private readonly SamplerChain _sampler;
    private readonly GrammarMatcher? _matcher;
    private readonly TokenMask? _mask;
    private readonly StopStrings _stops;
    private readonly StreamingDecoder _decoder;
    private readonly CancellationToken _callers;
    private readonly CancellationTokenSource? _deadlineSource;
    private readonly long _deadline = long.MaxValue;
    private readonly ConcurrentQueue<GeneratedToken> _made = [];
    private readonly bool _ownsSequence;
    private int _last = NoToken; // chosen, and not evaluated yet
    private int _length; // of the sequence, where this request has left it
    private long _started, _stepStarted;
    private ExceptionDispatchInfo? _error;

    /// <summary>Checks everything and computes nothing.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, Busy, GrammarError.</exception>
    public Request(int[] prompt, Tokenizer tokenizer, GenerateOptions options, AdapterSet? adapters, Sequence? sequence, Func<Sequence> newSequence,
        int maxLength, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options.Sampling);
        ArgumentNullException.ThrowIfNull(options.Stop);
        Check(prompt, options, tokenizer.Vocabulary.Count, maxLength);
        (_prompt, _options, _adapters, _vocabulary, _callers) = (prompt, options, adapters, tokenizer.Vocabulary, cancellation);
        _sampler = new SamplerChain(options.IgnoreEos ? WithoutEos(options.Sampling) : options.Sampling, tokenizer);
        if (options.Grammar is { } grammar)
        {
            _matcher = Compile(grammar, tokenizer, prompt, options, maxLength, cancellation).NewMatcher();
            _mask = new TokenMask(_vocabulary.Count);
        }
        _stops = new StopStrings(options.Stop);
        _decoder = new StreamingDecoder(tokenizer, options.RenderSpecial, continuation: true);
        Statistics = new GenerationStatistics { PromptTokens = prompt.Length, Seed = _sampler.Seed };
        Cancellation = cancellation;
        _ownsSequence = sequence is null;
        Sequence = sequence ?? newSequence();
        Sequence.Own(this);
        if (options.Deadline is { } time)
        {
            _deadline = Stopwatch.GetTimestamp() + (long)(Math.Clamp(time.TotalSeconds, 0, 1e9) * Stopwatch.Frequency);
            _deadlineSource = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Cancellation = _deadlineSource.Token;
            if (time <= TimeSpan.FromMilliseconds(int.MaxValue)) _deadlineSource.CancelAfter(time < TimeSpan.Zero ? TimeSpan.Zero : time);
        }
    }

    /// <summary>Where it happens.</summary>
    public Sequence Sequence { get; }

    /// <summary>Counts and times.</summary>
    public GenerationStatistics Statistics { get; }

    /// <summary>Why it ended, or null.</summary>
    public FinishReason? Finish { get; private set; }

    /// <summary>Ends it early: cancelled, or out of time.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Whether it needs no more passes.</summary>
    public bool IsDone => Finish is not null || _error is not null;

    /// <summary>Whether its prompt is evaluated, so that each pass takes one token.</summary>
    public bool IsDecoding => _last != NoToken;

    /// <summary>Whether there is something for the reader: a token, or an error.</summary>
    public bool IsReady => !_made.IsEmpty || IsDone;

    /// <summary>Tokens that it adds to the batch being filled.</summary>
    public int Planned { get; private set; }

    /// <summary>Begins a step: decides how many tokens it takes of those that are left, and none once it is cancelled.</summary>
    public void Plan(int budget, bool mayHaveLogits)
    {
        Planned = 0;
        if (EndIfCancelled()) return;
        try
        {
            if (_started == 0) Start();
            _stepStarted = Stopwatch.GetTimestamp();
            if (Sequence.Length != _length) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the sequence was changed during its generation");
            if (!IsDecoding) AdoptPrefix();
            int left = IsDecoding ? 1 : _prompt.Length - _length;
            Planned = Math.Min(budget, left);
            if (Planned == left && !mayHaveLogits) Planned--;
            // Recurrent layers keep snapshots at multiples of 64 tokens that are ends of passes.
            int past = (_length + Planned) % Sequence.SnapshotEvery;
            if (Sequence.Layout.StateBytes > 0 && past < Planned) Planned -= past;
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            Fail(e);
        }
    }

    /// <summary>Whether another request of this step computes what its own prompt goes on with, so that it can be taken over in the next step.</summary>
    public bool WaitsFor(Request other)
    {
        if (IsDecoding || other.IsDecoding || !Sequence.SharesWith(other.Sequence)) return false;
        int known = Math.Min(_prompt.Length - 1, _prompt.AsSpan().CommonPrefixLength(other._prompt)), then = other._length + other.Planned;
        int shared = Math.Min(known, then) / Sequence.SnapshotEvery * Sequence.SnapshotEvery;
        return shared > Math.Max(_length, other._length) && (Sequence.Layout.StateBytes == 0 || shared == then);
    }

    /// <summary>Adds the tokens planned to a batch.</summary>
    public void AddTo(Batch batch)
    {
        if (IsDecoding) batch.Add(Sequence, _last, wantLogits: true);
        else batch.Add(Sequence, _prompt.AsSpan(_length, Planned), _length + Planned == _prompt.Length ? LogitsOf.Last : LogitsOf.None);
    }

    /// <summary>Whether the batch gives it a row of logits.</summary>
    public bool WantsLogits => Planned > 0 && (IsDecoding || _length + Planned == _prompt.Length);

    /// <summary>The tokens planned are in the cache. With logits it chooses the next one.</summary>
    public void Advance(ReadOnlySpan<float> logits)
    {
        bool first = !IsDecoding;
        _length = Sequence.Length;
        Statistics.EvaluatedTokens += Planned;
        if (first) Report();
        if (!logits.IsEmpty && !(first && EndIfCancelled())) Choose(logits);
        long now = Stopwatch.GetTimestamp();
        if (first) Statistics.PromptTime = Stopwatch.GetElapsedTime(_started, now);
        else Statistics.GenerationTime += Stopwatch.GetElapsedTime(_stepStarted, now);
    }

    /// <summary>Ends it with an error, which its reader gets; a cancelled one ends as such.</summary>
    public void Fail(Exception error)
    {
        if (error is EdgeLlmException { Code: ErrorCode.Cancelled } && EndIfCancelled()) return;
        _error ??= ExceptionDispatchInfo.Capture(error);
    }

    /// <summary>Its reader has gone.</summary>
    public void Abandon() => Finish ??= FinishReason.Cancelled;

    /// <summary>The next token for the reader; false if there is none.</summary>
    /// <exception cref="EdgeLlmException">What ended the request.</exception>
    public bool TryRead(out GeneratedToken token)
    {
        if (_made.TryDequeue(out token)) return true;
        _error?.Throw();
        return false;
    }

    /// <summary>Gives the sequence back. What the reader has not seen of an unfinished answer is forgotten.</summary>
    public void Release()
    {
        _deadlineSource?.Dispose();
        int unread = IsDone ? 0 : _made.Count;
        try
        {
            if (!_ownsSequence && unread > 0 && Sequence.Length == _length) Sequence.Trim(_length - unread);
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            // The caller has disposed of the sequence, or runs it: then it is not this request's to trim.
        }
        Sequence.Disown(this);
        if (_ownsSequence) Sequence.Dispose();
    }

    // What the callback throws goes to this request's reader.
    private void Report()
    {
        try
        {
            _options.OnPrefill?.Invoke(_length, _prompt.Length);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private void Start()
    {
        _started = Stopwatch.GetTimestamp();
        if (_adapters is not null)
        {
            if (!Sequence.AdapterSet.Equals(_adapters)) Sequence.Trim(0);
            Sequence.Use(_adapters);
        }
        if (_options.Salt is { } salt) Sequence.Salt = salt;
        int known = _prompt.AsSpan().CommonPrefixLength(Sequence.Tokens);
        _length = Sequence.Trim(Math.Min(known, _prompt.Length - 1)); // the logits after the last token are not in the cache
    }

    // Also in the middle of a prompt: others may have computed more of the same text meanwhile.
    private void AdoptPrefix()
    {
        _length = Sequence.AdoptPrefix(_prompt.AsSpan(0, _prompt.Length - 1));
        Statistics.ReusedTokens = _length - Statistics.EvaluatedTokens;
    }

    private void Choose(ReadOnlySpan<float> logits)
    {
        try
        {
            _matcher?.Fill(_mask!, TokensLeft);
            _last = _sampler.Sample(logits, Sequence.Tokens, _length, _mask);
            if (_matcher is not null && !_matcher.Accept(_last))
                throw new EdgeLlmException(ErrorCode.Internal, $"the grammar's mask allows token {_last}, but the grammar does not");
        }
        catch (EdgeLlmException e)
        {
            Fail(e);
            return;
        }
        if (_options.MaxTokens == 0) End(FinishReason.Length);
        else if (!_options.IgnoreEos && _vocabulary.IsEndOfGeneration(_last)) End(FinishReason.Eos);
        else
        {
            int made = ++Statistics.GeneratedTokens;
            _made.Enqueue(new GeneratedToken(_last, _stops.Append(_decoder.Append(_last), out bool stopped), null));
            if (stopped) End(FinishReason.Stop);
            else if (made == _options.MaxTokens || _length == Sequence.MaxLength)
                End(_matcher is { IsComplete: true } ? FinishReason.Eos : FinishReason.Length);
        }
    }

    // What may still be made, the next one included: the last one needs no room in the sequence.
    private int TokensLeft =>
        Math.Min(Sequence.MaxLength - _length + 1, _options.MaxTokens < 0 ? int.MaxValue : _options.MaxTokens - Statistics.GeneratedTokens);

    private bool EndIfCancelled()
    {
        if (_callers.IsCancellationRequested) End(FinishReason.Cancelled);
        else if (Cancellation.IsCancellationRequested || Stopwatch.GetTimestamp() >= _deadline) End(FinishReason.Deadline);
        return IsDone;
    }

    // The last item for the reader, with the text that was held back.
    private void End(FinishReason reason)
    {
        if (IsDone) return;
        string rest = "";
        if (reason != FinishReason.Stop)
        {
            rest = _stops.Append(_decoder.Flush(), out bool stopped) + _stops.Flush();
            if (stopped) reason = FinishReason.Stop;
        }
        Finish = reason;
        _made.Enqueue(new GeneratedToken(NoToken, rest, reason));
    }

    private static void Check(int[] prompt, GenerateOptions options, int vocabSize, int maxLength)
    {
        if (options.MaxTokens < -1)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"MaxTokens: expected -1 or more, found {options.MaxTokens}");
        if (prompt.Length == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the prompt has no tokens");
        if (prompt.Length > maxLength)
            throw new EdgeLlmException(ErrorCode.ContextFull, $"the prompt has {prompt.Length} tokens; the context holds {maxLength}");
        foreach (int token in prompt)
            if ((uint)token >= (uint)vocabSize)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"token {token} in the prompt: expected 0 to {vocabSize - 1}");
    }

    private static CompiledGrammar Compile(
        Grammar grammar, Tokenizer tokenizer, int[] prompt, GenerateOptions options, int maxLength, CancellationToken cancellation)
    {
        if (options.IgnoreEos) throw new EdgeLlmException(ErrorCode.InvalidArgument, "IgnoreEos beside a grammar: a text of a grammar ends");
        CompiledGrammar compiled = grammar.Compile(tokenizer, cancellation);
        int shortest = compiled.ShortestTokens, room = maxLength - prompt.Length + 1;
        if (options.MaxTokens >= 0 && options.MaxTokens < shortest)
            throw new EdgeLlmException(
                ErrorCode.InvalidArgument, $"MaxTokens: expected at least {shortest}, the shortest text of the grammar, found {options.MaxTokens}");
        return room >= shortest ? compiled
            : throw new EdgeLlmException(ErrorCode.ContextFull, $"the context has room for {room} tokens; the shortest text of the grammar has {shortest}");
    }

    private SamplingOptions WithoutEos(SamplingOptions sampling)
    {
        var bias = new Dictionary<int, float>(sampling.LogitBias ?? new Dictionary<int, float>());
        foreach (int id in _vocabulary.EndOfGenerationIds) bias[id] = float.NegativeInfinity;
        return sampling with { LogitBias = bias };
    }
}
