using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Cache;

/// <summary>What a model and its options make of a cache block: 64 positions of all layers, [layer][K, V][head][position][value].</summary>
internal readonly record struct KvShape(int Layers, int Heads, int KeyDim, int ValueDim, KvType KeyType, KvType ValueType)
{
    private long KeyBytes => (long)Heads * AttentionArgs.BlockLength * AttentionArgs.RowBytes(KeyType, KeyDim);

    private long ValueBytes => (long)Heads * AttentionArgs.BlockLength * AttentionArgs.RowBytes(ValueType, ValueDim);

    /// <summary>Bytes of a block.</summary>
    public long BlockBytes => Layers * (KeyBytes + ValueBytes);

    /// <summary>Blocks that so many positions take.</summary>
    public static int Blocks(int positions) => (int)(((long)positions + AttentionArgs.BlockLength - 1) / AttentionArgs.BlockLength);

    /// <summary>Where a layer lies in each block.</summary>
    public KvLayer Layer(int layer)
    {
        long offset = layer * (KeyBytes + ValueBytes);
        return new KvLayer(KeyType, ValueType, KeyDim, ValueDim, Heads, (nint)offset, (nint)(offset + KeyBytes));
    }
}
