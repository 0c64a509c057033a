using System.Diagnostics;
using Edge.Llm.Cache;

namespace Edge.Llm.Scheduling;

/// <content>Prompts that requests have in common are computed once.</content>
internal sealed partial class Request
{
    private readonly List<Request> _followers = []; // they wait for the prompt
    private Request? _leader;
    private bool _knowsFiles;

    /// <summary>Who computes what it needs next: itself, or the request whose prompt it shares.</summary>
    public Request Computes => _leader is { IsDone: false, IsDecoding: false } leader ? leader : this;

    /// <summary>Makes it one more answer to the prompt of a request that has not begun, which computes the prompt for both. If that one ends before, it
    /// goes on by itself.</summary>
    public void Follow(Request leader)
    {
        _leader = leader;
        leader._followers.Add(this);
    }

    /// <summary>Whether another request of this step computes what its own prompt goes on with, so that it can be taken over in the next step.</summary>
    public bool WaitsFor(Request other)
    {
        if (IsDecoding || other.IsDecoding || !Sequence.SharesWith(other.Sequence)) return false;
        int known = Math.Min(_tokens.Count - 1, Text.CommonPrefixLength(other.Text)), then = other._length + other.Planned;
        int shared = Math.Min(known, then) / Sequence.SnapshotEvery * Sequence.SnapshotEvery;
        return shared > Math.Max(_length, other._length) && (Sequence.Layout.StateBytes == 0 || shared == then);
    }

    // Also in the middle of a prompt: others may have computed more of the same text meanwhile. Files are looked at once.
    private void AdoptPrefix(CacheClaim claim)
    {
        _length = Sequence.AdoptPrefix(Text[..^1], claim);
        if (!_knowsFiles)
        {
            _knowsFiles = true;
            Statistics.RestoredTokens = Sequence.RestorePrefix(Text[..^1], claim);
            _length = Sequence.Length;
        }
        if (Statistics.Preemptions == 0 && Statistics.ShiftedTokens == 0) Statistics.ReusedTokens = _length - Statistics.EvaluatedTokens;
    }

    /// <summary>Keeps the text of an answer that has ended on disk, if there is a folder for it.</summary>
    public void SaveIfDone()
    {
        if (Finish is not null) Save();
    }

    /// <summary>Keeps its text so far on disk.</summary>
    public void Save()
    {
        try
        {
            Sequence.SavePrefix();
        }
        catch (Exception e) when (e is EdgeLlmException or ObjectDisposedException)
        {
            // The caller has disposed of the sequence, or runs it: then it is not kept.
        }
    }

    private void HandOver(Logits logits, int row)
    {
        foreach (Request follower in _followers) follower.TakeOver(this, logits, row);
        _followers.Clear();
    }

    // The prompt is computed: a fork of the sequence holds it.
    private void TakeOver(Request leader, Logits logits, int row)
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
        lock (_answer)
        {
            if (IsDone) return; // cancelled meanwhile
            _length = Statistics.ReusedTokens = Sequence.Length;
            Continue(logits, row);
            Statistics.PromptTime = Stopwatch.GetElapsedTime(_started);
        }
    }
}
