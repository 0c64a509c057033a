namespace Edge.Llm.Kernels;

/// <summary>A weight format with blocks of 32: what it says of one block; <see cref="Block32"/> has the loop over a row.</summary>
internal unsafe interface IBlock32 : IBlockFormat, IBlockLayout
{
    /// <summary>Bytes of one block.</summary>
    static abstract int BlockBytes { get; }

    /// <summary>The block's share of a dot product with 32 quantized activations of scale <paramref name="dx"/>, whose sum is
    /// <paramref name="sum"/>: <see cref="Canonical.Block(int, float, float)"/> or its form with a minimum.</summary>
    static abstract float Dot(byte* block, sbyte* q, float dx, int sum);
}

/// <summary>The scalar reference that the formats with blocks of 32 share.</summary>
internal static unsafe class Block32
{
    /// <summary>Dot product of a row with one token's groups (<see cref="Q8_32"/>).</summary>
    public static float VecDot<T>(byte* row, int k, byte* x, nint groupStride) where T : IBlock32
    {
        float acc = 0;
        float* p = stackalloc float[8];
        for (; k > 0; k -= 256, x += groupStride)
        {
            var a = (Q8_32*)x;
            for (int b = 0; b < 8; b++)
            {
                p[b] = 0;
                if (32 * b >= k) continue;
                p[b] = T.Dot(row, a->Qs + 32 * b, a->D[b], a->Sums[b]);
                row += T.BlockBytes;
            }
            acc = Canonical.Group(acc, p);
        }
        return acc;
    }
}

/// <summary>The four formats whose block is a scale, perhaps a minimum, perhaps 32 fifth bits, and 16 bytes of nibbles (values 0..15 low,
/// 16..31 high): what SIMD kernels must know to unpack any of them.</summary>
internal interface INibbles : IBlock32
{
    /// <summary>Fifth bits stand before the nibbles.</summary>
    static abstract bool HasHigh { get; }
}
