namespace Edge.Llm.Cache;

/// <summary>Where the keys and values of some layers lie that are not in the host's memory. The cache numbers the blocks of each group; a store has
/// a part of each, behind the parts of the layers before its own.</summary>
internal unsafe interface IBlockStore
{
    /// <summary>Whether what it had is lost: it is of no use any more.</summary>
    bool IsLost { get; }

    /// <summary>Bytes that it has of a block of a group.</summary>
    long BytesOf(int group);

    /// <summary>Copies its part of a block to another one.</summary>
    /// <exception cref="EdgeLlmException">PluginError.</exception>
    void Copy(int group, int from, int to);

    /// <summary>Reads its part of a block.</summary>
    /// <exception cref="EdgeLlmException">PluginError.</exception>
    void Read(int group, int block, byte* to);

    /// <summary>Writes its part of a block.</summary>
    /// <exception cref="EdgeLlmException">PluginError.</exception>
    void Write(int group, int block, byte* from);
}

/// <summary>The blocks of a group as wholes: what the host has of each, and behind it what the stores have.</summary>
internal sealed unsafe class BlockParts
{
    private readonly int _group;
    private readonly IBlockStore[] _stores;
    private readonly long _blockBytes;

    /// <summary>The parts of a group whose blocks have this many bytes.</summary>
    public BlockParts(int group, long blockBytes, IReadOnlyList<IBlockStore> stores)
    {
        _group = group;
        _blockBytes = blockBytes;
        _stores = [.. stores.Where(store => store.BytesOf(group) > 0)];
        HostBytes = blockBytes - _stores.Sum(store => store.BytesOf(group));
    }

    /// <summary>Bytes of a block that are in the host's memory.</summary>
    public long HostBytes { get; }

    /// <summary>Copies a block.</summary>
    public void Copy(Block from, Block to)
    {
        Buffer.MemoryCopy(from.Memory.Data, to.Memory.Data, HostBytes, HostBytes);
        foreach (IBlockStore store in _stores) store.Copy(_group, from.Number, to.Number);
    }

    /// <summary>Makes room for the whole of a block, zeros, if it is not all in the host's memory; null: no room is needed.</summary>
    public AlignedBuffer? NewImage() => _stores.Length == 0 ? null : new AlignedBuffer(_blockBytes);

    /// <summary>The whole of a block, in its own memory or in an image.</summary>
    public byte* Read(Block block, AlignedBuffer? image)
    {
        if (image is null) return block.Memory.Data;
        Buffer.MemoryCopy(block.Memory.Data, image.Data, image.Bytes, HostBytes);
        byte* at = image.Data + HostBytes;
        foreach (IBlockStore store in _stores)
        {
            store.Read(_group, block.Number, at);
            at += store.BytesOf(_group);
        }
        return image.Data;
    }

    /// <summary>Writes the whole of a block from an image; null: it was written in place.</summary>
    public void Write(Block block, AlignedBuffer? image)
    {
        if (image is null) return;
        Buffer.MemoryCopy(image.Data, block.Memory.Data, HostBytes, HostBytes);
        byte* at = image.Data + HostBytes;
        foreach (IBlockStore store in _stores)
        {
            store.Write(_group, block.Number, at);
            at += store.BytesOf(_group);
        }
    }
}
