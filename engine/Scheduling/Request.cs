using System.Diagnostics;
using System.Runtime.InteropServices;
using Edge.Llm.Adapters;
using Edge.Llm.Cache;

namespace Edge.Llm.Scheduling;

/// <summary>A generation as the scheduler sees it: a text, of which the sequence holds a beginning. Each pass evaluates more of it; behind its
/// last token the answer grows.</summary>
internal sealed partial class Request
{
    private readonly List<int> _tokens; // the prompt, then the answer
    private readonly int _promptLength;
    private int _prefillEnd; // tokens that are evaluated before the answer goes on
    private bool _answers; // the first token was chosen
    private readonly Answer _answer;
    private readonly GenerateOptions _options;
    private readonly AdapterSet? _adapters;
    private int _planned; // length, before the step being planned
    private int _told; // tokens that the reader was told of
    private int _length; // of the sequence, where this request has left it
    private long _started, _stepStarted;

    /// <summary>Checks everything and computes nothing.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, Busy, GrammarError.</exception>
    public Request(int[] prompt, Tokenizer tokenizer, GenerateOptions options, AdapterSet? adapters, Sequence? sequence, Func<Sequence> newSequence,
        int maxLength, Draft? draft, CancellationToken cancellation)
    {
        Check(prompt, tokenizer.Vocabulary.Count, maxLength);
        (_tokens, _promptLength, _options, _adapters, _callers) = ([.. prompt], prompt.Length, options, adapters, cancellation);
        _prefillEnd = prompt.Length;
        if (options.ContextShift is { } shift) _keep = KeptTokens(shift, prompt.Length, maxLength);
        Draft = draft;
        _answer = new Answer(prompt.Length, tokenizer, options, maxLength, cancellation);
        Statistics = new GenerationStatistics { PromptTokens = prompt.Length, Seed = _answer.Seed };
        Cancellation = cancellation;
        OwnsSequence = sequence is null;
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

    /// <summary>Whether the sequence is its own, and not the caller's.</summary>
    public bool OwnsSequence { get; }

    /// <summary>Counts and times.</summary>
    public GenerationStatistics Statistics { get; }

    /// <summary>Why it ended, or null.</summary>
    public FinishReason? Finish => _answer.Finish;

    /// <summary>Whether it needs no more passes.</summary>
    public bool IsDone => Finish is not null || _error is not null;

    /// <summary>Whether it is done, and its reader was told.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether its prompt is evaluated, so that each pass continues the answer.</summary>
    public bool IsDecoding => _answers && _length >= _prefillEnd;

    /// <summary>Those of a higher priority come first.</summary>
    public int Priority => _options.Priority;

    /// <summary>Whether it holds blocks of the cache that it could give back.</summary>
    public bool HoldsBlocks => Sequence.Length > 0;

    /// <summary>Whether there is something for the reader: a token, or an error.</summary>
    public bool IsReady => _answer.Unread > 0 || IsDone;

    /// <summary>Tokens of the text that it adds to the batch being filled.</summary>
    public int Planned { get; private set; }

    /// <summary>Rows of logits that the batch gives it.</summary>
    public int LogitsRows { get; private set; }

    /// <summary>The text so far.</summary>
    public ReadOnlySpan<int> Text => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>The number of the answer to its prompt.</summary>
    public uint Choice => _options.Choice;

    /// <summary>Begins a step: decides how many tokens it takes of those that are left, and none once it is cancelled.</summary>
    /// <param name="budget">Tokens that the batch has room for.</param>
    /// <param name="rows">Rows of logits that are left.</param>
    /// <param name="claim">What others take from the cache in this step.</param>
    /// <param name="started">When the step began.</param>
    public void Plan(int budget, int rows, CacheClaim claim, long started)
    {
        (Planned, Guessed, LogitsRows) = (0, 0, 0);
        _planned = _length;
        if (EndIfCancelled() || Computes != this) return;
        try
        {
            if (_started == 0) Start();
            _planned = _length; // what the caller's sequence held already stays its own
            _stepStarted = started;
            if (Sequence.Length != _length) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the sequence was changed during its generation");
            if (!IsDecoding) AdoptPrefix(claim);
            int left = _tokens.Count - _length;
            Planned = Math.Min(budget, left);
            if (Planned == left && rows == 0) Planned--;
            // Recurrent layers keep snapshots at multiples of 64 tokens that are ends of passes.
            int past = (_length + Planned) % Sequence.SnapshotEvery;
            if (Sequence.Layout.StateBytes > 0 && past < Planned) Planned -= past;
            if (Planned != left) return;
            if (Draft is not null) Guessed = Math.Min(Math.Min(Draft.Tokens.Count, budget - Planned), rows - 1);
            LogitsRows = 1 + Guessed;
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            Fail(e);
        }
    }

    /// <summary>How many requests had ended when it was preempted; -1: it was not.</summary>
    public long PreemptedAfter { get; private set; } = -1;

    /// <summary>Gives all blocks back. What they held is computed again when there is room, unless the cache still has it then.</summary>
    public void Preempt(long ended)
    {
        PreemptedAfter = ended;
        Statistics.Preemptions++;
        GiveBack();
        Draft?.Dispose(); // its sequence; another one is made when it drafts again
    }

    private void GiveBack()
    {
        TrimTo(0);
        _prefillEnd = _tokens.Count;
    }

    private void TrimTo(int length)
    {
        try
        {
            _length = Sequence.Trim(length);
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            Fail(e); // the caller has disposed of the sequence, or runs it
        }
    }

    /// <summary>It does not run in this step: what it has only taken over is free for others.</summary>
    public void Wait()
    {
        if (_planned == 0 && _length > 0) GiveBack();
    }

    /// <summary>Adds the tokens planned to a batch.</summary>
    public void AddTo(Batch batch)
    {
        ReadOnlySpan<int> tokens = Text.Slice(_length, Planned);
        if (Guessed > 0) batch.AddGuessed(Sequence, tokens, CollectionsMarshal.AsSpan(Draft!.Tokens)[..Guessed]);
        else batch.Add(Sequence, tokens, LogitsRows > 0 ? LogitsOf.Last : LogitsOf.None);
    }

    /// <summary>The tokens planned are in the cache. With logits the answer grows.</summary>
    /// <param name="logits">The rows of the batch.</param>
    /// <param name="row">The first of its own, if it has any.</param>
    public void Advance(Logits logits, int row)
    {
        bool first = !_answers;
        _length += Planned;
        Statistics.EvaluatedTokens += Planned + Guessed;
        if (first) Report();
        int accepted = 0;
        if (first && LogitsRows > 0) HandOver(logits, row);
        long now;
        lock (_answer) // who reads the last item finds it counted
        {
            if (LogitsRows > 0 && !(first && EndIfCancelled())) accepted = Continue(logits, row);
            if (Guessed > 0) Settle(accepted);
            now = Stopwatch.GetTimestamp();
            if (first) Statistics.PromptTime = Stopwatch.GetElapsedTime(_started, now);
            else Statistics.GenerationTime += Stopwatch.GetElapsedTime(_stepStarted, now);
        }
        if (!first) Draft?.Pace.Observe(Guessed, accepted, Stopwatch.GetElapsedTime(_stepStarted, now).TotalSeconds);
    }

    /// <summary>The next token for the reader; false if there is none.</summary>
    /// <exception cref="EdgeLlmException">What ended the request.</exception>
    public bool TryRead(out GeneratedToken token)
    {
        if (_answer.TryRead(out token))
        {
            if (token.Finish is not null) lock (_answer) { } // the step that made it has counted it then
            return true;
        }
        if (!IsWanted && EndsEarly() && _answer.TryRead(out token)) return true;
        _error?.Throw();
        return false;
    }

    /// <summary>Tells the reader that there is something to read, if the step has made it.</summary>
    public void TellReader()
    {
        bool done = IsDone;
        if (!_left && _options.OnReady is { } tell && IsReady && (done || _answer.Count > _told)) Guard(tell);
        (_told, IsOver) = (_answer.Count, done);
    }

    private void Report()
    {
        if (_options.OnPrefill is { } tell) Guard(() => tell(_length, _promptLength));
    }

    // What a callback throws goes to this request's reader.
    private void Guard(Action callback)
    {
        try
        {
            callback();
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private void Start()
    {
        _started = Stopwatch.GetTimestamp();
        Sequence.ForgetLost();
        if (_adapters is not null)
        {
            if (!Sequence.AdapterSet.Equals(_adapters)) Sequence.Trim(0);
            Sequence.Use(_adapters);
        }
        if (_options.Salt is { } salt) Sequence.Salt = salt;
        int known = Text.CommonPrefixLength(Sequence.Tokens);
        _length = Sequence.Trim(Math.Min(known, _promptLength - 1)); // the logits after the last token are not in the cache
    }

    // Chooses a token, and one behind each guess that was right. What the grammar forces after them needs no pass of its own: it goes through
    // with the next one.
    private int Continue(Logits logits, int row)
    {
        int accepted = 0;
        try
        {
            int token;
            while (!IsDone)
            {
                token = _answer.Choose(logits[row + accepted], Text);
                _answers = true;
                if (IsDone) break;
                _tokens.Add(token);
                if (accepted == Guessed || token != Draft!.Tokens[accepted]) break;
                accepted++;
            }
            for (; _answer.TryForce(out token); Statistics.ForcedTokens++) _tokens.Add(token);
        }
        catch (EdgeLlmException e)
        {
            Fail(e);
        }
        Statistics.GeneratedTokens = _answer.Count;
        return accepted;
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
