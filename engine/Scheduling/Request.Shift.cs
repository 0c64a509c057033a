namespace Edge.Llm.Scheduling;

/// <content>A text that fills the context loses a part, if the request allows it.</content>
internal sealed partial class Request
{
    private const int BlockLength = Sequence.SnapshotEvery;

    private readonly int _keep; // tokens at the beginning that stay

    /// <summary>Makes room for the next token. What stays is the text of a new request; sampler, grammar and what is held back go on.</summary>
    public void ShiftIfFull()
    {
        if (IsDone || _tokens.Count <= Sequence.MaxLength) return;
        while (_tokens.Count > Sequence.MaxLength)
        {
            int dropped = Math.Max(1, (_tokens.Count - _keep) / 2 / BlockLength) * BlockLength;
            _tokens.RemoveRange(_keep, dropped);
            Statistics.ShiftedTokens += dropped;
        }
        Draft?.ForgetText();
        TrimTo(Math.Min(_keep, Sequence.Length));
        _prefillEnd = _tokens.Count;
    }

    private static int KeptTokens(ContextShift shift, int promptLength, int maxLength)
    {
        if (shift.Keep < -1) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"Keep: expected -1 or more, found {shift.Keep}");
        long kept = (((shift.Keep < 0 ? promptLength : (long)shift.Keep) + BlockLength - 1) / BlockLength) * BlockLength;
        return kept + BlockLength <= maxLength ? (int)kept
            : throw new EdgeLlmException(ErrorCode.InvalidArgument,
                $"Keep: expected at most {Math.Max(0, (maxLength / BlockLength - 1) * BlockLength)} tokens in a context of {maxLength}, found {(shift.Keep < 0 ? promptLength : shift.Keep)}");
    }
}
