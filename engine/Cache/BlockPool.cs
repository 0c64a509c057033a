using System.Diagnostics;

namespace Edge.Llm.Cache;

/// <summary>A piece of the cache. Several sequences may hold it.</summary>
internal sealed class Block(int number, AlignedBuffer memory)
{
    /// <summary>Its number in its pool.</summary>
    public int Number => number;

    /// <summary>Its bytes, as far as they are in the host's memory.</summary>
    public AlignedBuffer Memory => memory;

    /// <summary>Holders. Only a single holder may write to a block.</summary>
    public int References;

    /// <summary>Tells what it holds: a new number each time it is allocated. A freed block keeps number and content until then.</summary>
    public long Identity;

    /// <summary>Whether an index tells what it holds, so that it is of use after it was freed.</summary>
    public bool IsFindable;

    /// <summary>Its place among the free blocks, if it is free.</summary>
    public LinkedListNode<Block>? FreeNode;

    /// <summary>Whether its pool has given it up: what it held is lost.</summary>
    public bool IsLost;
}

/// <summary>Blocks of one size. Memory is taken from the system a block at a time, when first needed, and kept for reuse. Free blocks that nobody
/// can find are reused first; when there is no memory left to take, the findable one that was freed first.</summary>
internal sealed class BlockPool(BlockParts parts, int capacity) : IDisposable
{
    private readonly object _gate = new();
    private readonly List<Block> _all = [];
    private readonly LinkedList<Block> _free = []; // findable ones last, in the order in which they were freed
    private long _identities;
    private bool _disposed;

    /// <summary>Blocks of this many bytes, all in the host's memory.</summary>
    public BlockPool(long blockBytes, int capacity) : this(new BlockParts(0, blockBytes, []), capacity)
    {
    }

    /// <summary>The blocks as wholes.</summary>
    public BlockParts Parts { get; private set; } = parts;

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
            lock (_gate) return _all.Count * Parts.HostBytes;
        }
    }

    /// <summary>A block that the caller alone holds; its content is arbitrary, but finite.</summary>
    /// <exception cref="EdgeLlmException">ContextFull, OutOfMemory.</exception>
    public Block Allocate()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Block block = _free.First is { } first && (!first.Value.IsFindable || _all.Count == capacity) ? Unfree(first.Value) : Grow();
            block.References = 1;
            GiveIdentity(block);
            return block;
        }
    }

    /// <summary>Readies a block for writing if the caller alone holds it: what it held so far is found no more.</summary>
    public bool TryOwn(Block block)
    {
        lock (_gate)
        {
            if (block.References > 1) return false;
            if (block.IsFindable) GiveIdentity(block);
            return true;
        }
    }

    /// <summary>Keeps what a block holds for as long as possible after it was freed.</summary>
    public void MakeFindable(Block block)
    {
        lock (_gate) block.IsFindable = true;
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
            if (--block.References > 0) return;
            if (block.IsLost)
            {
                block.Memory.Dispose();
                return;
            }
            if (block.IsFindable) _free.AddLast(block.FreeNode!);
            else _free.AddFirst(block.FreeNode!);
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

    /// <summary>Gives up what all blocks hold, also those that somebody still holds, and makes new ones of these parts from now on.</summary>
    public void Lose(BlockParts parts)
    {
        lock (_gate)
        {
            foreach (Block block in _all)
            {
                GiveIdentity(block);
                block.IsLost = true;
                if (block.References == 0) block.Memory.Dispose();
            }
            _all.Clear();
            _free.Clear();
            Parts = parts;
        }
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

    // Where the system has no more memory, a findable block is given up.
    private Block Grow()
    {
        if (_all.Count == capacity) ThrowFull(1, 0);
        try
        {
            var block = new Block(_all.Count, new AlignedBuffer(Parts.HostBytes));
            block.FreeNode = new LinkedListNode<Block>(block);
            _all.Add(block);
            return block;
        }
        catch (EdgeLlmException) when (_free.First is not null)
        {
            return Unfree(_free.First!.Value);
        }
    }

    private void GiveIdentity(Block block)
    {
        block.Identity = ++_identities;
        block.IsFindable = false;
    }

    private void ThrowFull(int needed, int free) =>
        throw new EdgeLlmException(ErrorCode.ContextFull, $"the KV cache is full: {needed} blocks of 64 positions needed, {free} of {capacity} free");
}
