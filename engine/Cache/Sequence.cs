using System.Runtime.InteropServices;
using Edge.Llm.Cache;
using Edge.Llm.Kernels;

namespace Edge.Llm;

/// <summary>A text in the cache: its tokens so far, and the table of the blocks that hold their keys and values.
/// Not for use by two threads at once; while a forward pass runs it, it can only be disposed of, which happens when the pass has ended.</summary>
public sealed unsafe class Sequence : IDisposable
{
    private readonly KvCache _cache;
    private readonly List<KvBlock> _blocks = [];
    private readonly List<int> _tokens = [];
    private readonly AlignedBuffer _table; // the blocks' addresses, for the kernels
    private readonly object _gate = new();
    private bool _running; // a pass reads and writes its blocks
    private bool _disposed;

    internal Sequence(KvCache cache)
    {
        _cache = cache;
        _table = new AlignedBuffer((long)KvShape.Blocks(cache.MaxLength) * sizeof(byte*));
    }

    /// <summary>Tokens in the cache.</summary>
    public int Length => _tokens.Count;

    /// <summary>Tokens that it may hold.</summary>
    public int MaxLength => _cache.MaxLength;

    /// <summary>The tokens in the cache; valid until the sequence changes.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Layout of its blocks.</summary>
    internal KvShape Shape => _cache.Shape;

    /// <summary>Whether it belongs to this cache.</summary>
    internal bool IsOf(KvCache cache) => _cache == cache && !_disposed;

    /// <summary>Addresses of its blocks, by position / 64.</summary>
    internal byte** Blocks => (byte**)_table.Data;

    /// <summary>A sequence with the same tokens that goes its own way: blocks are shared until one of the two writes to them.</summary>
    /// <exception cref="EdgeLlmException">Busy: a forward pass runs it.</exception>
    public Sequence Fork()
    {
        lock (_gate)
        {
            ThrowUnlessIdle();
            var fork = new Sequence(_cache);
            fork._tokens.AddRange(_tokens);
            for (int i = 0; i < KvShape.Blocks(Length); i++)
            {
                _cache.Share(_blocks[i]);
                fork.Append(_blocks[i]);
            }
            return fork;
        }
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument. Busy: a forward pass runs it.</exception>
    public void Trim(int length)
    {
        lock (_gate)
        {
            ThrowUnlessIdle();
            if (length < 0 || length > Length)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"trim to {length}: expected 0 to the sequence's length, {Length}");
            _tokens.RemoveRange(length, Length - length);
            ReleaseFrom(KvShape.Blocks(length));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            if (!_running) Free();
        }
    }

    /// <summary>Whoever has the context takes the sequence, too: until <see cref="Leave"/> it keeps its blocks.</summary>
    /// <exception cref="ObjectDisposedException"></exception>
    internal void Enter()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _running = true;
        }
    }

    /// <summary>Gives it back.</summary>
    internal void Leave()
    {
        lock (_gate)
        {
            _running = false;
            if (_disposed) Free();
        }
    }

    /// <summary>Forgets all tokens, for whoever has taken it.</summary>
    internal void Clear()
    {
        _tokens.Clear();
        ReleaseFrom(0);
    }

    /// <summary>Blocks that <see cref="Reserve"/> would take.</summary>
    internal int BlocksNeeded(int count)
    {
        int needed = Math.Max(0, KvShape.Blocks(Length + count) - _blocks.Count);
        return WritesToShared(count) ? needed + 1 : needed;
    }

    /// <summary>Makes room for the keys and values of <paramref name="count"/> more tokens, in blocks that no other sequence sees.</summary>
    /// <exception cref="EdgeLlmException">ContextFull: nothing has changed then. OutOfMemory.</exception>
    internal void Reserve(int count)
    {
        if (count > MaxLength - Length)
            throw new EdgeLlmException(ErrorCode.ContextFull, $"a sequence of {Length} tokens and {count} more do not fit the context of {MaxLength}");
        _cache.Demand(BlocksNeeded(count));
        if (WritesToShared(count)) CopyOnWrite(Length / AttentionArgs.BlockLength);
        while (_blocks.Count < KvShape.Blocks(Length + count)) Append(_cache.Take());
    }

    /// <summary>Appends a token whose keys and values are in the reserved room now.</summary>
    internal void Commit(int token) => _tokens.Add(token);

    // Only the block that the next token goes to can be shared: those after it are always taken by Reserve.
    private bool WritesToShared(int count)
    {
        int next = Length / AttentionArgs.BlockLength;
        return count > 0 && next < _blocks.Count && _cache.IsShared(_blocks[next]);
    }

    private void CopyOnWrite(int index)
    {
        KvBlock shared = _blocks[index], own = _cache.Take();
        Buffer.MemoryCopy(shared.Memory.Data, own.Memory.Data, own.Memory.Bytes, own.Memory.Bytes);
        _blocks[index] = own;
        Blocks[index] = own.Memory.Data;
        _cache.Release(shared);
    }

    private void Append(KvBlock block)
    {
        Blocks[_blocks.Count] = block.Memory.Data;
        _blocks.Add(block);
    }

    private void ThrowUnlessIdle()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_running) throw new EdgeLlmException(ErrorCode.Busy, "a forward pass is under way in this sequence");
    }

    private void Free()
    {
        ReleaseFrom(0);
        _table.Dispose();
    }

    private void ReleaseFrom(int index)
    {
        for (int i = index; i < _blocks.Count; i++) _cache.Release(_blocks[i]);
        _blocks.RemoveRange(index, _blocks.Count - index);
    }
}
