using System.Runtime.InteropServices;
using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>A batch as the forward function uses it: checked, its positions known, room for it reserved in the cache, and cut into
/// runs of consecutive tokens of one sequence, short enough to be shared out over threads.</summary>
internal sealed unsafe class BatchPlan
{
    private readonly ModelConfig _config;
    private readonly KvCache _cache;
    private readonly Activations _activations;
    private readonly int _maxRun;
    private readonly List<TokenRun> _runs = [];
    private readonly Dictionary<Sequence, int> _counts = [];
    private Batch _batch = new();

    /// <summary>Plans over these buffers.</summary>
    public BatchPlan(ModelConfig config, KvCache cache, Activations activations)
    {
        _config = config;
        _cache = cache;
        _activations = activations;
        _maxRun = Activations.MaxRun(config);
    }

    /// <summary>Rows.</summary>
    public int Count => _batch.Count;

    /// <summary>Token of each row.</summary>
    public int* Tokens => _activations.Tokens;

    /// <summary>Position of each row in its sequence.</summary>
    public int* Positions => _activations.Positions;

    /// <summary>The runs, in the order of the rows.</summary>
    public ReadOnlySpan<TokenRun> Runs => CollectionsMarshal.AsSpan(_runs);

    /// <summary>The rows whose logits are wanted, ascending.</summary>
    public ReadOnlySpan<int> LogitsRows => _batch.LogitsRows;

    /// <summary>Whether the rows wanted are hidden states, not logits.</summary>
    public bool WantsHidden { get; private set; }

    /// <summary>Checks a batch and plans it; its sequences are the plan's until <see cref="Leave"/>, whatever comes of it.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, OutOfMemory: no sequence has other tokens than before.</exception>
    public void Prepare(Batch batch, bool wantsHidden = false)
    {
        if (batch.Count == 0) throw Invalid("the batch is empty");
        if (batch.Count > _activations.X.Count) throw Invalid($"a batch of {batch.Count} tokens: expected at most {_activations.X.Count} (batch size)");
        if (!wantsHidden && batch.LogitsCount > _activations.Logits.Count)
            throw Invalid($"logits of {batch.LogitsCount} tokens asked for: expected at most {_activations.Logits.Count} (logits rows)");
        _batch = batch;
        WantsHidden = wantsHidden;
        _runs.Clear();
        for (int row = 0; row < batch.Count; row++)
        {
            Sequence sequence = batch.Sequences[row];
            if (!sequence.IsOf(_cache)) throw Invalid($"row {row}: the sequence was disposed of or belongs to another context");
            if ((uint)batch.Tokens[row] >= (uint)_config.VocabSize)
                throw Invalid($"row {row}: token {batch.Tokens[row]}: expected 0 to {_config.VocabSize - 1}");
            if (!_counts.TryGetValue(sequence, out int count)) sequence.Enter();
            _counts[sequence] = count + 1;
            Tokens[row] = batch.Tokens[row];
            Positions[row] = sequence.Length + count;
        }
        int blocks = 0;
        foreach ((Sequence sequence, int count) in _counts) blocks += sequence.BlocksNeeded(count);
        _cache.Demand(blocks);
        foreach ((Sequence sequence, int count) in _counts) sequence.Reserve(count);
        CutIntoRuns();
    }

    /// <summary>The forward pass is done: its tokens are part of their sequences now.</summary>
    public void Commit()
    {
        for (int row = 0; row < _batch.Count; row++) _batch.Sequences[row].Commit(_batch.Tokens[row]);
    }

    /// <summary>Gives the sequences back.</summary>
    public void Leave()
    {
        foreach (Sequence sequence in _counts.Keys) sequence.Leave();
        _counts.Clear();
    }

    private void CutIntoRuns()
    {
        for (int row = 0; row < _batch.Count;)
        {
            Sequence sequence = _batch.Sequences[row];
            int tokens = 1;
            while (tokens < _maxRun && row + tokens < _batch.Count && _batch.Sequences[row + tokens] == sequence) tokens++;
            _runs.Add(new TokenRun { Row = row, Tokens = tokens, Position = Positions[row], Blocks = sequence.Blocks });
            row += tokens;
        }
    }

    private static EdgeLlmException Invalid(string message) => new(ErrorCode.InvalidArgument, message);
}
