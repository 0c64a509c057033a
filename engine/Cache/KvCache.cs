using System.Diagnostics;

namespace Edge.Llm.Cache;

/// <summary>64 positions of keys and values of all layers, shared by the sequences that count as its references.</summary>
internal sealed class KvBlock(AlignedBuffer memory)
{
    /// <summary>The rows, as <see cref="KvShape"/> lays them out.</summary>
    public AlignedBuffer Memory => memory;

    /// <summary>Sequences that hold it. Who holds a block alone may write to it.</summary>
    public int References;
}

/// <summary>The pool of cache blocks: memory is taken from the system a block at a time, when first needed, and kept for reuse.</summary>
internal sealed class KvCache : IDisposable
{
    private readonly object _gate = new();
    private readonly List<KvBlock> _all = [];
    private readonly Stack<KvBlock> _free = [];
    private bool _disposed;

    /// <summary>A cache of at most <paramref name="capacity"/> blocks, for sequences of at most <paramref name="maxLength"/> tokens.</summary>
    public KvCache(KvShape shape, int capacity, int maxLength)
    {
        Shape = shape;
        Capacity = capacity;
        MaxLength = maxLength;
    }

    /// <summary>Layout of a block.</summary>
    public KvShape Shape { get; }

    /// <summary>Blocks there may be.</summary>
    public int Capacity { get; }

    /// <summary>Tokens that a sequence may hold.</summary>
    public int MaxLength { get; }

    /// <summary>Blocks that no sequence holds, allocated or not.</summary>
    public int FreeBlocks
    {
        get
        {
            lock (_gate) return Capacity - _all.Count + _free.Count;
        }
    }

    /// <summary>Memory taken from the system so far.</summary>
    public long AllocatedBytes
    {
        get
        {
            lock (_gate) return _all.Count * Shape.BlockBytes;
        }
    }

    /// <summary>An empty sequence.</summary>
    public Sequence NewSequence()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Sequence(this);
    }

    /// <summary>A block that the caller alone holds; its content is arbitrary, but finite.</summary>
    /// <exception cref="EdgeLlmException">ContextFull, OutOfMemory.</exception>
    public KvBlock Take()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_free.TryPop(out KvBlock? block))
            {
                if (_all.Count == Capacity) ThrowFull(1, 0);
                block = new KvBlock(new AlignedBuffer(Shape.BlockBytes));
                _all.Add(block);
            }
            block.References = 1;
            return block;
        }
    }

    /// <summary>Adds a holder.</summary>
    public void Share(KvBlock block)
    {
        lock (_gate)
        {
            Debug.Assert(block.References > 0);
            block.References++;
        }
    }

    /// <summary>Takes a holder off; the last one gives the block back.</summary>
    public void Release(KvBlock block)
    {
        lock (_gate)
        {
            Debug.Assert(block.References > 0);
            if (--block.References == 0) _free.Push(block);
        }
    }

    /// <summary>Whether others hold it too.</summary>
    public bool IsShared(KvBlock block)
    {
        lock (_gate) return block.References > 1;
    }

    /// <summary>Throws unless so many blocks can be taken.</summary>
    /// <exception cref="EdgeLlmException">ContextFull.</exception>
    public void Demand(int blocks)
    {
        int free = FreeBlocks;
        if (blocks > free) ThrowFull(blocks, free);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (KvBlock block in _all) block.Memory.Dispose();
            _all.Clear();
            _free.Clear();
        }
    }

    private void ThrowFull(int needed, int free) =>
        throw new EdgeLlmException(ErrorCode.ContextFull, $"the KV cache is full: {needed} blocks of 64 positions needed, {free} of {Capacity} free");
}
