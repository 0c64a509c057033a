namespace Edge.Llm.Native;

/// <summary>One answer among those that a context computes together. It keeps the context's memory.</summary>
internal sealed class RequestResource : Resource
{
    private readonly ContextResource _context;
    private readonly Submission _submission;
    private readonly Generation _generation;
    private readonly uint _id;
    private readonly PieceMemory _piece = new();
    private readonly AnswerParts? _parts;
    private int _reading;
    private bool _failed;

    public RequestResource(ContextResource context, Submission submission, Generation generation, uint id, ChatPrompt? chat)
    {
        (_context, _submission, _generation, _id) = (context, submission, generation, id);
        if (chat is not null) _parts = new AnswerParts(chat.NewScanner(generation.Statistics.Seed));
        context.AddUse();
    }

    public override string Kind => "request";

    /// <summary>Ends it: its reader gets the last step.</summary>
    public void Cancel() => _generation.Cancel();

    /// <summary>Its handle is closed.</summary>
    public void Close()
    {
        _generation.Cancel(); // another thread may wait for its next step
        _submission.Forget();
    }

    /// <summary>The next step. Its text is valid until the one after.</summary>
    /// <param name="waits">Whether to wait for it, and to compute it unless another thread does.</param>
    /// <param name="piece">The step.</param>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="EdgeLlmException">What ended the request; InvalidArgument: it is over; Busy.</exception>
    public bool TryRead(bool waits, out PieceData piece)
    {
        using Reading reading = Enter();
        if (_failed || _generation.Finish is not null) throw new EdgeLlmException(ErrorCode.InvalidArgument, "the request is over");
        piece = default;
        try
        {
            if (!(waits ? _generation.MoveNext() : _generation.TryReadNext())) return false;
        }
        catch
        {
            _failed = _generation.IsOver; // not by what is no request's fault: Busy, a file that has changed
            throw;
        }
        GeneratedToken step = _generation.Current;
        _parts?.Add(step.Text, isLast: step.Finish is not null);
        piece = _piece.Set(step, step.Finish, _id);
        return true;
    }

    /// <summary>The next part of the answer to a chat.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: it answers no chat; Busy.</exception>
    public PartData NextPart()
    {
        using Reading reading = Enter();
        return _parts?.Next()
            ?? throw new EdgeLlmException(ErrorCode.InvalidArgument, "the request answers no chat: edge_llm_request_submit_chat begins one that does");
    }

    /// <summary>Counts and times so far.</summary>
    public RequestStatistics Statistics()
    {
        GenerationStatistics counts = _generation.Statistics;
        return new RequestStatistics
        {
            Finish = (int)_generation.Finish.GetValueOrDefault(), Seed = counts.Seed, PromptTokens = counts.PromptTokens, ReusedTokens = counts.ReusedTokens,
            RestoredTokens = counts.RestoredTokens, GeneratedTokens = counts.GeneratedTokens, ForcedTokens = counts.ForcedTokens,
            EvaluatedTokens = counts.EvaluatedTokens, DraftedTokens = counts.DraftedTokens, AcceptedTokens = counts.AcceptedTokens,
            ShiftedTokens = counts.ShiftedTokens, Preemptions = counts.Preemptions, PromptNanoseconds = (long)counts.PromptTime.TotalNanoseconds,
            GenerationNanoseconds = (long)counts.GenerationTime.TotalNanoseconds,
        };
    }

    protected override void Free()
    {
        _generation.Dispose();
        _context.EndUse();
    }

    private Reading Enter() => Interlocked.Exchange(ref _reading, 1) == 0
        ? new Reading(this)
        : throw new EdgeLlmException(ErrorCode.Busy, "another call reads this request");

    private readonly ref struct Reading(RequestResource request)
    {
        public void Dispose() => Volatile.Write(ref request._reading, 0);
    }
}
