using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Cache;

/// <summary>What a layer keeps of each position: the rows of its heads, for as long as a token looks back.</summary>
/// <param name="Heads">Heads of keys and values.</param>
/// <param name="KeyDim">Values in a head of keys.</param>
/// <param name="ValueDim">Values in a head of values.</param>
/// <param name="Window">Positions a token looks back over, itself included; int.MaxValue without a sliding window.</param>
/// <param name="ValuesInKeys">A value is the beginning of its key (latent attention): it takes no memory of its own.</param>
internal readonly record struct KvRows(int Heads, int KeyDim, int ValueDim, int Window = int.MaxValue, bool ValuesInKeys = false);

/// <summary>What layers of equal rows and types make of a cache block: 64 positions, [layer][K, V][head][position][value].</summary>
internal readonly record struct KvShape(int Layers, KvRows Rows, KvType KeyType, KvType ValueType)
{
    /// <summary>Bytes of a block.</summary>
    public long BlockBytes => Layers * LayerBytes;

    private int KeyStride => AttentionArgs.RowBytes(KeyType, Rows.KeyDim);

    private int ValueStride => Rows.ValuesInKeys ? KeyStride : AttentionArgs.RowBytes(ValueType, Rows.ValueDim);

    private long KeyBytes => (long)Rows.Heads * AttentionArgs.BlockLength * KeyStride;

    private long LayerBytes => Rows.ValuesInKeys ? KeyBytes : KeyBytes + ((long)Rows.Heads * AttentionArgs.BlockLength * ValueStride);

    /// <summary>Blocks that this many positions take.</summary>
    public static int Blocks(long positions) => (int)((positions + AttentionArgs.BlockLength - 1) / AttentionArgs.BlockLength);

    /// <summary>The first block that a token at a position looks back to.</summary>
    public static int FirstSeen(int position, int window) => (int)(Math.Max(0, position + 1L - window) / AttentionArgs.BlockLength);

    /// <summary>Where a layer of group <paramref name="group"/> lies in each block.</summary>
    public KvLayer Layer(int group, int layer)
    {
        long keys = layer * LayerBytes;
        return new KvLayer
        {
            Group = group, Heads = Rows.Heads, KeyDim = Rows.KeyDim, ValueDim = Rows.ValueDim, Window = Rows.Window,
            KeyType = KeyType, ValueType = Rows.ValuesInKeys ? KeyType : ValueType,
            KeyOffset = (nint)keys, ValueOffset = (nint)(Rows.ValuesInKeys ? keys : keys + KeyBytes),
            KeyStride = KeyStride, ValueStride = ValueStride,
        };
    }
}
