using System.Runtime.InteropServices;
using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Consecutive tokens of a sequence: rows of a batch, and the position of the first.</summary>
internal readonly record struct SequenceRun(Sequence Sequence, int Row, int Count, int Position);

/// <summary>A batch as the forward function uses it: checked, its positions known, room for it reserved in the cache, and cut into
/// runs of consecutive tokens of one sequence, short enough to be shared out over threads.</summary>
internal sealed unsafe class BatchPlan
{
    private readonly ModelSpec _spec;
    private readonly KvCache _cache;
    private readonly CacheClaim _claim;
    private readonly int _batchSize, _logitsRows, _maxRun;
    private readonly bool _bothDirections;
    private readonly List<TokenRun>[] _runs; // by cache group
    private readonly List<StateRun> _states = [];
    private readonly List<SequenceRun> _sequenceRuns = [];
    private readonly List<Sequence> _sequences = [];
    private Batch _batch = new();

    /// <summary>Plans for a model and a cache. It claims its buffers.</summary>
    public BatchPlan(ModelSpec spec, KvCache cache, Workspace workspace, int logitsRows)
    {
        _spec = spec;
        _cache = cache;
        _claim = new CacheClaim(cache);
        (_batchSize, _logitsRows, _maxRun) = (workspace.BatchSize, logitsRows, spec.MaxRun);
        _bothDirections = spec.BothDirections;
        _runs = [.. cache.Layout.Groups.Select(_ => new List<TokenRun>())];
        Tokens = workspace.Ints();
        Positions = workspace.Ints();
    }

    /// <summary>Rows.</summary>
    public int Count => _batch.Count;

    /// <summary>Token of each row.</summary>
    public int* Tokens { get; }

    /// <summary>Position of each row in its sequence.</summary>
    public int* Positions { get; }

    /// <summary>Position of a row in its sequence.</summary>
    public int Position(int row) => Positions[row];

    /// <summary>The runs, in the order of the rows, with their blocks in a cache group.</summary>
    public ReadOnlySpan<TokenRun> Runs(int group) => CollectionsMarshal.AsSpan(_runs[group]);

    /// <summary>Each sequence's rows with its states, for layers that have one.</summary>
    public ReadOnlySpan<StateRun> States => CollectionsMarshal.AsSpan(_states);

    /// <summary>Each sequence's rows whole, for layers that run elsewhere.</summary>
    public ReadOnlySpan<SequenceRun> SequenceRuns => CollectionsMarshal.AsSpan(_sequenceRuns);

    /// <summary>The rows whose logits are wanted, ascending.</summary>
    public ReadOnlySpan<int> LogitsRows => _batch.LogitsRows;

    /// <summary>Whether the rows wanted are hidden states, not logits.</summary>
    public bool WantsHidden { get; private set; }

    /// <summary>Checks a batch and plans it. Until <see cref="Release"/> its sequences are the plan's, also after an error.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, Busy, ContextFull, OutOfMemory: no sequence has other tokens than before.</exception>
    public void Prepare(Batch batch, bool wantsHidden = false)
    {
        if (batch.Count == 0) throw Invalid("the batch is empty");
        if (batch.Count > _batchSize) throw Invalid($"a batch of {batch.Count} tokens: expected at most {_batchSize} (batch size)");
        if (!wantsHidden && !_spec.HasLogits) throw Invalid($"a model of architecture {_spec.Architecture} makes vectors of texts: it has no logits");
        if (!wantsHidden && batch.LogitsCount > _logitsRows)
            throw Invalid($"logits of {batch.LogitsCount} tokens asked for: expected at most {_logitsRows} (logits rows)");
        _batch = batch;
        WantsHidden = wantsHidden;
        foreach (Batch.Run run in batch.Runs) Acquire(run);
        _claim.Clear();
        foreach (Sequence sequence in _sequences) _claim.Add(sequence, sequence.Pending);
        _claim.Require();
        foreach (Sequence sequence in _sequences) sequence.Reserve(sequence.Pending);
        CutIntoRuns();
    }

    /// <summary>The forward pass is done: its tokens are part of their sequences now.</summary>
    public void Commit()
    {
        foreach (Batch.Run run in _batch.Runs) run.Sequence.Commit(_batch.Tokens.Slice(run.Row, run.Count), run.Guessed);
    }

    /// <summary>Gives the sequences back.</summary>
    public void Release()
    {
        foreach (Sequence sequence in _sequences) sequence.Release();
        _sequences.Clear();
    }

    private void Acquire(Batch.Run run)
    {
        Sequence sequence = run.Sequence;
        if (!sequence.IsOf(_cache)) throw Invalid($"row {run.Row}: the sequence was disposed of or belongs to another context");
        if (_bothDirections && sequence.Length > 0)
            throw Invalid($"row {run.Row}: tokens of this model see those behind them: a text must be one batch, of an empty sequence");
        if (!_sequences.Contains(sequence))
        {
            sequence.Acquire();
            _sequences.Add(sequence);
        }
        for (int row = run.Row; row < run.Row + run.Count; row++)
        {
            if ((uint)_batch.Tokens[row] >= (uint)_spec.VocabSize)
                throw Invalid($"row {row}: token {_batch.Tokens[row]}: expected 0 to {_spec.VocabSize - 1}");
            Tokens[row] = _batch.Tokens[row];
            Positions[row] = sequence.Length + sequence.Pending++;
        }
    }

    private void CutIntoRuns()
    {
        foreach (List<TokenRun> runs in _runs) runs.Clear();
        _states.Clear();
        _sequenceRuns.Clear();
        ReadOnlySpan<Batch.Run> given = _batch.Runs;
        for (int i = 0; i < given.Length;)
        {
            // Runs of one sequence that follow one another are one.
            (Sequence sequence, int row, int count, _) = given[i++];
            while (i < given.Length && given[i].Sequence == sequence) count += given[i++].Count;
            _sequenceRuns.Add(new SequenceRun(sequence, row, count, Positions[row]));
            if (_cache.States is not null) _states.Add(StateOf(sequence, row, count));
            for (int end = row + count; row < end; row += _maxRun)
                for (int group = 0; group < _runs.Length; group++)
                    _runs[group].Add(new TokenRun
                    {
                        Row = row, Tokens = Math.Min(_maxRun, end - row), Position = Positions[row], SequenceEnd = sequence.Length + sequence.Pending, Blocks = sequence.Table(group).Addresses,
                    });
        }
    }

    // The first rows of a sequence go on from its state, further ones from where those end.
    private StateRun StateOf(Sequence sequence, int row, int count)
    {
        bool goesOn = false;
        foreach (StateRun earlier in States) goesOn |= earlier.NextState == sequence.NextState;
        return new StateRun { Row = row, Tokens = count, State = goesOn ? sequence.NextState : sequence.State, NextState = sequence.NextState };
    }

    private static EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidArgument, message);
}
