using Edge.Llm.Kernels;

namespace Edge.Llm.Cache;

/// <summary>The blocks of one sequence in one group, by position / 64. Those that lie behind the group's window have been given back.</summary>
internal sealed unsafe class BlockTable : IDisposable
{
    private const int BlockLength = AttentionArgs.BlockLength;

    private readonly BlockPool _pool;
    private readonly int _window;
    private readonly List<Block?> _blocks = [];
    private readonly AlignedBuffer _places; // addresses for the kernels, then numbers for stages

    /// <summary>An empty table for at most <paramref name="maxLength"/> positions.</summary>
    public BlockTable(BlockPool pool, int window, int maxLength)
    {
        _pool = pool;
        _window = window;
        long blocks = KvShape.Blocks(maxLength);
        _places = new AlignedBuffer(blocks * (sizeof(byte*) + sizeof(int)));
        Numbers = (int*)(_places.Data + (blocks * sizeof(byte*)));
    }

    /// <summary>Addresses of the blocks; null where one was given back.</summary>
    public byte** Addresses => (byte**)_places.Data;

    /// <summary>The blocks of its group as wholes.</summary>
    public BlockParts Parts => _pool.Parts;

    /// <summary>Numbers of the blocks; -1 where one was given back.</summary>
    public int* Numbers { get; }

    /// <summary>The first block that is still held.</summary>
    public int First { get; private set; }

    /// <summary>Behind the last one.</summary>
    public int End => _blocks.Count;

    /// <summary>A block; null if it was given back.</summary>
    public Block? this[int index] => _blocks[index];

    /// <summary>Blocks that <see cref="Reserve"/> would take.</summary>
    public int BlocksNeeded(int length, int count)
    {
        int needed = Math.Max(0, KvShape.Blocks((long)length + count) - _blocks.Count);
        return WritesToShared(length, count) ? needed + 1 : needed;
    }

    /// <summary>Makes room for <paramref name="count"/> positions from <paramref name="length"/> on, in blocks that no other sequence sees.</summary>
    /// <exception cref="EdgeLlmException">ContextFull, OutOfMemory.</exception>
    public void Reserve(int length, int count)
    {
        int next = length / BlockLength;
        if (count > 0 && next < _blocks.Count && _blocks[next] is { } block && !_pool.TryOwn(block)) CopyOnWrite(next);
        while (_blocks.Count < KvShape.Blocks((long)length + count)) Append(_pool.Allocate());
    }

    /// <summary>Holds what another table holds of the first positions, together with it.</summary>
    public void ShareFrom(BlockTable other, int length)
    {
        for (int i = 0; i < KvShape.Blocks(length); i++)
        {
            if (other._blocks[i] is { } block) _pool.Share(block);
            Append(other._blocks[i]);
        }
        First = Math.Min(other.First, _blocks.Count);
    }

    /// <summary>Skips positions that a window has left behind: a table that is filled from elsewhere begins after them.</summary>
    public void SkipTo(int block)
    {
        while (_blocks.Count < block) Append(null);
        First = block;
    }

    /// <summary>Adds a block that is held already; null: one that lies behind the window.</summary>
    public void Append(Block? block)
    {
        _blocks.Add(block);
        Point(_blocks.Count - 1);
    }

    /// <summary>Whether all that a token at position <paramref name="length"/> looks back to is held.</summary>
    public bool Reaches(int length) => FirstSeen(length) >= First;

    /// <summary>Gives back what lies behind <paramref name="length"/> positions.</summary>
    public void Trim(int length)
    {
        int keep = KvShape.Blocks(length);
        for (int i = _blocks.Count - 1; i >= Math.Max(keep, First); i--) _pool.Release(_blocks[i]!); // the beginning of a text is reused last
        if (keep < _blocks.Count) _blocks.RemoveRange(keep, _blocks.Count - keep);
        First = Math.Min(First, _blocks.Count);
    }

    /// <summary>Gives back what no token from position <paramref name="length"/> on looks back to.</summary>
    public void DropBehind(int length)
    {
        for (int seen = Math.Min(FirstSeen(length), _blocks.Count); First < seen; First++)
        {
            _pool.Release(_blocks[First]!);
            _blocks[First] = null;
            Point(First);
        }
    }

    /// <summary>Gives all blocks back.</summary>
    public void Dispose()
    {
        Trim(0);
        _places.Dispose();
    }

    private int FirstSeen(int length) => KvShape.FirstSeen(length, _window);

    // Only the block that the next position goes to can be shared: those after it are always allocated by Reserve.
    private bool WritesToShared(int length, int count)
    {
        int next = length / BlockLength;
        return count > 0 && next < _blocks.Count && _blocks[next] is { } block && _pool.IsShared(block);
    }

    private void CopyOnWrite(int index)
    {
        Block shared = _blocks[index]!, own = _pool.Allocate();
        try
        {
            _pool.Parts.Copy(shared, own);
        }
        catch
        {
            _pool.Release(own);
            throw;
        }
        _blocks[index] = own;
        Point(index);
        _pool.Release(shared);
    }

    private void Point(int index)
    {
        Block? block = _blocks[index];
        Addresses[index] = block is null ? null : block.Memory.Data;
        Numbers[index] = block?.Number ?? -1;
    }
}
