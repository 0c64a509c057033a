using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Edge.Llm.Adapters;
using Edge.Llm.Cache;

namespace Edge.Llm.Scheduling;

/// <summary>A generation as the scheduler sees it: a text, of which the sequence holds a beginning. Each pass evaluates more of it; behind its
/// last token the answer grows.</summary>
internal sealed class Request
{
    private readonly List<int> _tokens; // the prompt, then the answer
    private readonly int _promptLength;
    private readonly Answer _answer;
    private readonly GenerateOptions _options;
    private readonly AdapterSet? _adapters;
    private readonly CancellationToken _callers;
    private readonly CancellationTokenSource? _deadlineSource;
    private readonly long _deadline = long.MaxValue;
    private readonly bool _ownsSequence;
    private readonly List<Request> _followers = []; // they wait for the prompt
    private Request? _leader;
    private int _length; // of the sequence, where this request has left it
    private int _planned; // that, before the step being planned
    private long _started, _stepStarted;
    private ExceptionDispatchInfo? _error;

    /// <summary>Checks everything and computes nothing.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, Busy, GrammarError.</exception>
    public Request(int[] prompt, Tokenizer tokenizer, GenerateOptions options, AdapterSet? adapters, Sequence? sequence, Func<Sequence> newSequence,
        int maxLength, CancellationToken cancellation)
    {
        Check(prompt, tokenizer.Vocabulary.Count, maxLength);
        (_tokens, _promptLength, _options, _adapters, _callers) = ([.. prompt], prompt.Length, options, adapters, cancellation);
        _answer = new Answer(prompt.Length, tokenizer, options, maxLength, cancellation);
        Statistics = new GenerationStatistics { PromptTokens = prompt.Length, Seed = _answer.Seed };
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
    public Sequence Sequence { get; private set; }

    /// <summary>Counts and times.</summary>
    public GenerationStatistics Statistics { get; }

    /// <summary>Why it ended, or null.</summary>
    public FinishReason? Finish => _answer.Finish;

    /// <summary>Ends it early: cancelled, or out of time.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Whether it needs no more passes.</summary>
    public bool IsDone => Finish is not null || _error is not null;

    /// <summary>Whether its prompt is evaluated, so that each pass continues the answer.</summary>
    public bool IsDecoding => _length >= _promptLength && _tokens.Count > _promptLength;

    /// <summary>Whether there is something for the reader: a token, or an error.</summary>
    public bool IsReady => _answer.Unread > 0 || IsDone;

    /// <summary>Who computes what it needs next: itself, or the request whose prompt it shares.</summary>
    public Request Computes => _leader is { IsDone: false, IsDecoding: false } leader ? leader : this;

    /// <summary>Tokens that it adds to the batch being filled.</summary>
    public int Planned { get; private set; }

    /// <summary>Makes it one more answer to the prompt of a request that has not begun, which computes the prompt for both. If that one ends before, it
    /// goes on by itself.</summary>
    public void Follow(Request leader)
    {
        _leader = leader;
        leader._followers.Add(this);
    }

    /// <summary>Begins a step: decides how many tokens it takes of those that are left, and none once it is cancelled.</summary>
    /// <param name="budget">Tokens that the step still has room for.</param>
    /// <param name="mayHaveLogits">Whether it has a row of logits for it.</param>
    /// <param name="claim">What others take from the cache in this step.</param>
    public void Plan(int budget, bool mayHaveLogits, CacheClaim claim)
    {
        Planned = 0;
        if (EndIfCancelled() || Computes != this) return;
        try
        {
            if (_started == 0) Start();
            _stepStarted = Stopwatch.GetTimestamp();
            if (Sequence.Length != _length) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the sequence was changed during its generation");
            _planned = _length;
            if (!IsDecoding) AdoptPrefix(claim);
            int left = _tokens.Count - _length;
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
        int known = Math.Min(_tokens.Count - 1, Text.CommonPrefixLength(other.Text)), then = other._length + other.Planned;
        int shared = Math.Min(known, then) / Sequence.SnapshotEvery * Sequence.SnapshotEvery;
        return shared > Math.Max(_length, other._length) && (Sequence.Layout.StateBytes == 0 || shared == then);
    }

    /// <summary>It does not run in this step: what it has only taken over is free for others.</summary>
    public void Wait()
    {
        if (_length > _planned && Statistics.EvaluatedTokens == 0) _length = Sequence.Trim(_planned);
    }

    /// <summary>Adds the tokens planned to a batch.</summary>
    public void AddTo(Batch batch) =>
        batch.Add(Sequence, Text.Slice(_length, Planned), WantsLogits ? LogitsOf.Last : LogitsOf.None);

    /// <summary>Whether the batch gives it a row of logits.</summary>
    public bool WantsLogits => Planned > 0 && _length + Planned == _tokens.Count;

    /// <summary>The tokens planned are in the cache. With logits the answer grows.</summary>
    public void Advance(ReadOnlySpan<float> logits)
    {
        bool first = !IsDecoding;
        _length = Sequence.Length;
        Statistics.EvaluatedTokens += Planned;
        if (first) Report();
        if (first && !logits.IsEmpty) HandOver(logits);
        if (!logits.IsEmpty && !(first && EndIfCancelled())) Continue(logits);
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
    public void Abandon() => _answer.Abandon();

    /// <summary>The next token for the reader; false if there is none.</summary>
    /// <exception cref="EdgeLlmException">What ended the request.</exception>
    public bool TryRead(out GeneratedToken token)
    {
        if (_answer.TryRead(out token)) return true;
        _error?.Throw();
        return false;
    }

    /// <summary>Gives the sequence back. What the reader has not seen of an unfinished answer is forgotten.</summary>
    public void Release()
    {
        _deadlineSource?.Dispose();
        int unread = IsDone ? 0 : _answer.Unread;
        try
        {
            if (!_ownsSequence && unread > 0 && Sequence.Length == _length) Sequence.Trim(Math.Min(_length, _tokens.Count - 1 - unread));
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            // The caller has disposed of the sequence, or runs it: then it is not this request's to trim.
        }
        Sequence.Disown(this);
        if (_ownsSequence) Sequence.Dispose();
    }

    private ReadOnlySpan<int> Text => CollectionsMarshal.AsSpan(_tokens);

    // What the callback throws goes to this request's reader.
    private void Report()
    {
        try
        {
            _options.OnPrefill?.Invoke(_length, _promptLength);
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
        int known = Text.CommonPrefixLength(Sequence.Tokens);
        _length = Sequence.Trim(Math.Min(known, _promptLength - 1)); // the logits after the last token are not in the cache
    }

    // Also in the middle of a prompt: others may have computed more of the same text meanwhile.
    private void AdoptPrefix(CacheClaim claim)
    {
        _length = Sequence.AdoptPrefix(Text[..^1], claim);
        Statistics.ReusedTokens = _length - Statistics.EvaluatedTokens;
    }

    private void HandOver(ReadOnlySpan<float> logits)
    {
        foreach (Request follower in _followers) follower.TakeOver(this, logits);
        _followers.Clear();
    }

    // The prompt is computed: a fork of the sequence holds it.
    private void TakeOver(Request leader, ReadOnlySpan<float> logits)
    {
        _leader = null;
        if (EndIfCancelled()) return;
        try
        {
            Sequence fork = leader.Sequence.Fork();
            Sequence.Dispose();
            Sequence = fork;
            Sequence.Own(this);
        }
        catch (EdgeLlmException e)
        {
            Fail(e);
            return;
        }
        _started = leader._started;
        _length = Statistics.ReusedTokens = Sequence.Length;
        Continue(logits);
        Statistics.PromptTime = Stopwatch.GetElapsedTime(_started);
    }

    // What the grammar forces after the token chosen needs no pass of its own: it goes through with the next one.
    private void Continue(ReadOnlySpan<float> logits)
    {
        try
        {
            int token = _answer.Choose(logits, Text);
            if (!IsDone) _tokens.Add(token);
            for (; _answer.TryForce(out token); Statistics.ForcedTokens++) _tokens.Add(token);
        }
        catch (EdgeLlmException e)
        {
            Fail(e);
        }
        Statistics.GeneratedTokens = _answer.Count;
    }

    private bool EndIfCancelled()
    {
        if (_callers.IsCancellationRequested) End(FinishReason.Cancelled);
        else if (Cancellation.IsCancellationRequested || Stopwatch.GetTimestamp() >= _deadline) End(FinishReason.Deadline);
        return IsDone;
    }

    private void End(FinishReason reason)
    {
        if (!IsDone) _answer.End(reason);
    }

    private static void Check(int[] prompt, int vocabSize, int maxLength)
    {
        if (prompt.Length == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the prompt has no tokens");
        if (prompt.Length > maxLength)
            throw new EdgeLlmException(ErrorCode.ContextFull, $"the prompt has {prompt.Length} tokens; the context holds {maxLength}");
        foreach (int token in prompt)
            if ((uint)token >= (uint)vocabSize)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"token {token} in the prompt: expected 0 to {vocabSize - 1}");
    }
}
