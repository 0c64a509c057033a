using System.Diagnostics;
using System.Runtime.InteropServices;
using Edge.Llm.Adapters;
using Edge.Llm.Cache;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>A text in the cache: its tokens so far, and what the layers remember of them. One thread at a time may use it. While a forward
/// pass runs it, it can only be disposed of, which happens when the pass has ended.</summary>
public sealed unsafe partial class Sequence : IDisposable
{
    /// <summary>Earlier states kept of a sequence of a recurrent model: those at the last multiples of 64 tokens.</summary>
    internal const int MaxSnapshots = 2;

    /// <summary>Tokens from one length at which a state is kept to the next.</summary>
    internal const int SnapshotEvery = 64;

    private readonly KvCache _cache;
    private readonly BlockTable[] _tables;
    private readonly List<int> _tokens = [];
    private readonly List<(int Length, Block State)> _snapshots = []; // ascending
    private readonly Gate _gate;
    private Block? _state, _nextState; // after the tokens, and after those of the pass under way
    private (int Length, Block State)? _beforeGuess; // of the last pass, if it had guesses
    private object? _owner;
    private AdapterSet? _named;
    private AdapterSet _computedWith;
    private int _losses; // of the cache, when it was last empty

    internal Sequence(KvCache cache)
    {
        _cache = cache;
        _losses = cache.Losses;
        _computedWith = cache.Adapters;
        _tables = new BlockTable[cache.Groups.Length];
        for (int group = 0; group < _tables.Length; group++)
            _tables[group] = new BlockTable(cache.Groups[group], cache.Layout.Groups[group].Shape.Rows.Window, cache.MaxLength);
        _gate = new Gate(this, 1, "a forward pass is under way in this sequence", Free);
    }

    /// <summary>Tokens in the cache.</summary>
    public int Length => _tokens.Count;

    /// <summary>Tokens that it may hold.</summary>
    public int MaxLength => _cache.MaxLength;

    /// <summary>The tokens in the cache; valid until the sequence changes.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>The adapters that its tokens are computed with; those of scale 0 are left out. As long as it holds tokens they stay the same: what
    /// the layers remember of a text with other adapters is of no use.</summary>
    public IReadOnlyList<AdapterScale> Adapters => Array.AsReadOnly(AdapterSet.Items);

    /// <summary>The same.</summary>
    internal AdapterSet AdapterSet => Length > 0 ? _computedWith : _named ?? _cache.Adapters;

    /// <summary>The adapters of a pass that has acquired it.</summary>
    internal AdapterSet PassAdapters => _computedWith;

    /// <summary>Where its layers find what they remember.</summary>
    internal CacheLayout Layout => _cache.Layout;

    /// <summary>Tokens that the batch being planned adds to it.</summary>
    internal int Pending { get; set; }

    /// <summary>What the recurrent layers remember; null is zero.</summary>
    internal byte* State => _state is null ? null : _state.Memory.Data;

    /// <summary>Where a pass puts what they will remember.</summary>
    internal byte* NextState => _nextState is null ? null : _nextState.Memory.Data;

    /// <summary>Its blocks in a group.</summary>
    internal BlockTable Table(int group) => _tables[group];

    /// <summary>Whether it belongs to this cache.</summary>
    internal bool IsOf(KvCache cache) => _cache == cache && !_gate.IsClosed;

    /// <summary>A sequence with the same tokens that goes its own way: blocks are shared until one of the two writes to them.</summary>
    /// <exception cref="EdgeLlmException">Busy: a forward pass runs it.</exception>
    public Sequence Fork()
    {
        using Gate.Use use = _gate.Hold();
        var fork = new Sequence(_cache) { _named = _named, _computedWith = _computedWith, _root = _root, _salt = _salt, _hidden = _hidden };
        fork._tokens.AddRange(_tokens);
        fork._chain.AddRange(_chain);
        for (int group = 0; group < _tables.Length; group++) fork._tables[group].ShareFrom(_tables[group], Length);
        fork._losses = _losses;
        fork._state = Shared(_state);
        foreach ((int length, Block state) in _snapshots) fork._snapshots.Add((length, Shared(state)!));
        return fork;
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on. Where layers no longer remember what such a text needs (a window has
    /// passed over it, or a state has moved on), it forgets more.</summary>
    /// <returns>The length that is left: <paramref name="length"/>, unless layers have windows or states.</returns>
    /// <exception cref="EdgeLlmException">Busy: a forward pass runs it. InvalidArgument: it is not that long.</exception>
    public int Trim(int length)
    {
        using Gate.Use use = _gate.Hold();
        if (length < 0 || length > Length)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"trim to {length}: expected 0 to the sequence's length, {Length}");
        if (length < Length && _state is not null) length = StateUpTo(length).Length;
        foreach (BlockTable table in _tables)
            if (!table.Reaches(length)) length = 0;
        TrimTo(length);
        return length;
    }

    /// <summary>Names its adapters; null: those of the context.</summary>
    /// <exception cref="EdgeLlmException">Busy: a forward pass runs it. InvalidArgument: it holds tokens that were computed with others.</exception>
    internal void Use(AdapterSet? adapters)
    {
        using Gate.Use use = _gate.Hold();
        if (Length > 0 && !_computedWith.Equals(adapters ?? _cache.Adapters))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"the sequence holds {Length} tokens that were computed with other adapters: expected an empty one");
        _named = adapters;
    }

    /// <summary>Gives everything back.</summary>
    public void Dispose() => _gate.Close();

    /// <summary>Reserves the sequence for a pass, or for work that must not meet one.</summary>
    /// <exception cref="EdgeLlmException">Busy. PluginError: what it holds was lost with a device, until it is trimmed to 0.</exception>
    /// <exception cref="ObjectDisposedException">It is disposed of.</exception>
    internal void Acquire()
    {
        _gate.Enter();
        if (IsLost)
        {
            _gate.Leave();
            throw new EdgeLlmException(ErrorCode.PluginError, $"the {Length} tokens of this sequence were in the memory of a device that failed: expected it to be trimmed to 0 first");
        }
        if (_losses != _cache.Losses) TrimTo(0); // what was reserved for it is lost as well
        FixAdapters();
    }

    /// <summary>Ends that. Blocks that were reserved and not committed stay for the next pass.</summary>
    internal void Release()
    {
        Pending = 0;
        DropNextState();
        _gate.Leave();
    }

    /// <summary>Makes it the text of one generation, until <see cref="Disown"/>.</summary>
    /// <exception cref="EdgeLlmException">Busy: it is another one's.</exception>
    internal void Own(object owner)
    {
        if (Interlocked.CompareExchange(ref _owner, owner, null) is not null)
            throw new EdgeLlmException(ErrorCode.Busy, "a generation is under way in this sequence");
    }

    /// <summary>Empties it if what it holds was lost with a device.</summary>
    /// <exception cref="EdgeLlmException">Busy: a forward pass runs it.</exception>
    internal void ForgetLost()
    {
        if (IsLost) Trim(0);
    }

    /// <summary>Ends that.</summary>
    internal void Disown(object owner) => Interlocked.CompareExchange(ref _owner, null, owner);

    /// <summary>Makes room for what layers remember of <paramref name="count"/> more tokens, in blocks of its own.</summary>
    /// <exception cref="EdgeLlmException">ContextFull: nothing has changed then. OutOfMemory.</exception>
    internal void Reserve(int count)
    {
        if (count > MaxLength - Length)
            throw new EdgeLlmException(ErrorCode.ContextFull, $"a sequence of {Length} tokens and {count} more do not fit the context of {MaxLength}");
        foreach (BlockTable table in _tables) table.Reserve(Length, count);
        if (_cache.States is { } states) _nextState = states.Allocate();
    }

    /// <summary>Appends tokens: what layers remember of them is in the reserved room now. The last <paramref name="guessed"/> of them may be
    /// trimmed next: what the text without them needs is kept until the next pass.</summary>
    internal void Commit(ReadOnlySpan<int> tokens, int guessed = 0)
    {
        if (tokens.IsEmpty) return;
        if (_nextState is not null)
        {
            ReleaseGuess();
            if (_state is not null && guessed > 0) _beforeGuess = (Length, _state);
            else if (_state is not null) KeepOrRelease(Length, _state);
            (_state, _nextState) = (_nextState, null);
        }
        _tokens.AddRange(tokens);
        IndexFullBlocks(Length - guessed);
        foreach (BlockTable table in _tables) table.DropBehind(Length - guessed);
    }

    /// <summary>Appends tokens that were computed elsewhere, to an empty sequence. Other texts do not share them: nobody has checked them.</summary>
    internal void CommitLoaded(ReadOnlySpan<int> tokens)
    {
        _hidden = true;
        Commit(tokens);
    }

    /// <summary>Forgets tokens of a sequence that is acquired.</summary>
    internal void TrimTo(int length)
    {
        Debug.Assert(length <= Length);
        if (_state is not null && length < Length)
        {
            Block? state = length == 0 ? null : Shared(StateUpTo(length).State);
            ReleaseGuess();
            while (_snapshots.Count > 0 && _snapshots[^1].Length > length) ReleaseLastSnapshot();
            _cache.States!.Release(_state);
            _state = state;
        }
        _tokens.RemoveRange(length, Length - length);
        TrimChain(length);
        foreach (BlockTable table in _tables) table.Trim(length);
        if (length == 0) _losses = _cache.Losses;
        FixAdapters();
    }

    private bool IsLost => Length > 0 && (_losses != _cache.Losses || _cache.IsStoreLost);

    // The first token decides.
    private void FixAdapters() => _computedWith = AdapterSet;

    private Block? Shared(Block? state)
    {
        if (state is not null) _cache.States!.Share(state);
        return state;
    }

    // The last state kept, up to a length.
    private (int Length, Block? State) StateUpTo(int length) =>
        _beforeGuess is { } before && before.Length <= length ? before : _snapshots.FindLast(snapshot => snapshot.Length <= length);

    private void ReleaseGuess()
    {
        if (_beforeGuess is { } before) KeepOrRelease(before.Length, before.State);
        _beforeGuess = null;
    }

    // A state at a multiple of 64 tokens becomes a snapshot; the oldest one goes.
    private void KeepOrRelease(int length, Block state)
    {
        bool known = _snapshots.Count > 0 && _snapshots[^1].Length == length;
        if (length % SnapshotEvery != 0 || known)
        {
            _cache.States!.Release(state);
            return;
        }
        if (_snapshots.Count == MaxSnapshots)
        {
            _cache.States!.Release(_snapshots[0].State);
            _snapshots.RemoveAt(0);
        }
        _snapshots.Add((length, state));
    }

    private void ReleaseLastSnapshot()
    {
        _cache.States!.Release(_snapshots[^1].State);
        _snapshots.RemoveAt(_snapshots.Count - 1);
    }

    private void Free()
    {
        TrimTo(0);
        foreach (BlockTable table in _tables) table.Dispose();
    }
}
