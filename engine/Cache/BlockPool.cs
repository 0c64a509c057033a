using System.Diagnostics;

namespace Edge.Llm.Cache;

/// <summary>A piece of the cache. Several sequences may hold it.</summary>
internal sealed class Block(AlignedBuffer memory)
{
    /// <summary>Its bytes.</summary>
    public AlignedBuffer Memory => memory;

    /// <summary>Holders. Only a single holder may write to a block.</summary>
    public int References;

    /// <summary>Tells what it holds: a new number each time it is allocated. A freed block keeps number and content until then.</summary>
    public long Identity;

    /// <summary>Its place among the free blocks, if it is free.</summary>
    public LinkedListNode<Block>? FreeNode;
}

/// <summary>Blocks of one size. Memory is taken from the system a block at a time, when first needed, and kept for reuse; of the free
/// blocks the one that was freed first is reused first.</summary>
internal sealed class BlockPool(long blockBytes, int capacity) : IDisposable
{
    private readonly object _gate = new();
    private readonly List<Block> _all = [];
    private readonly LinkedList<Block> _free = [];
    private long _identities;
    private bool _disposed;

    /// <summary>Bytes of a block.</summary>
    public long BlockBytes => blockBytes;

    /// <summary>Blocks there may be.</summary>
    public int Capacity => capacity;

    /// <summary>Blocks that nobody holds, allocated or not.</summary>
    public int Free
    {
        get
        {
            lock (_gate) return capacity - _all.Count + _free.Count;
        }
    }

    /// <summary>Memory taken from the system so far.</summary>
    public long AllocatedBytes
    {
        get
        {
            lock (_gate) return _all.Count * blockBytes;
        }
    }

    /// <summary>A block that the caller alone holds; its content is arbitrary, but finite.</summary>
    /// <exception cref="EdgeLlmException">ContextFull, OutOfMemory.</exception>
    public Block Allocate()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Block block;
            if (_free.First is { } oldest) block = Unfree(oldest.Value);
            else
            {
                if (_all.Count == capacity) ThrowFull(1, 0);
                block = new Block(new AlignedBuffer(blockBytes));
                block.FreeNode = new LinkedListNode<Block>(block);
                _all.Add(block);
            }
            block.References = 1;
            block.Identity = ++_identities;
            return block;
        }
    }

    /// <summary>Adds a holder to a block, freed or not, if it still holds what it held under this identity.</summary>
    public bool TryRevive(Block block, long identity)
    {
        lock (_gate)
        {
            if (_disposed || block.Identity != identity) return false;
            if (block.References == 0) Unfree(block);
            block.References++;
            return true;
        }
    }

    /// <summary>Adds a holder.</summary>
    public void Share(Block block)
    {
        lock (_gate)
        {
            Debug.Assert(block.References > 0);
            block.References++;
        }
    }

    /// <summary>Takes a holder off. The last one frees the block.</summary>
    public void Release(Block block)
    {
        lock (_gate)
        {
            Debug.Assert(block.References > 0);
            if (--block.References == 0) _free.AddLast(block.FreeNode!);
        }
    }

    /// <summary>Whether others hold it too.</summary>
    public bool IsShared(Block block)
    {
        lock (_gate) return block.References > 1;
    }

    /// <summary>Throws unless this many blocks are free.</summary>
    /// <exception cref="EdgeLlmException">ContextFull.</exception>
    public void Require(int blocks)
    {
        int free = Free;
        if (blocks > free) ThrowFull(blocks, free);
    }

    /// <summary>Frees all memory.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (Block block in _all) block.Memory.Dispose();
            _all.Clear();
            _free.Clear();
        }
    }

    private Block Unfree(Block block)
    {
        _free.Remove(block.FreeNode!);
        return block;
    }

    private void ThrowFull(int needed, int free) =>
        throw new EdgeLlmException(ErrorCode.ContextFull, $"the KV cache is full: {needed} blocks of 64 positions needed, {free} of {capacity} free");
}
