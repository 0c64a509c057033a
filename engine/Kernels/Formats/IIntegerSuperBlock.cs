using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>A weight format with super-blocks of 256 without minimums: w = unit * scale * q, where scale (of 16 values) and q are integers.
/// What it says of one super-block; <see cref="IntegerSuperBlock"/> has the reference made of it.</summary>
internal unsafe interface IIntegerSuperBlock : IBlockFormat, ISuperBlockLayout
{
    /// <summary>Scale of values 16j..16j+15, of magnitude at most 32.</summary>
    static abstract int Scale(byte* block, int j);

    /// <summary>Values 16j..16j+15 as integers.</summary>
    static abstract void Quants(byte* block, int j, sbyte* q);
}

/// <summary>The scalar reference that these formats share.</summary>
internal static unsafe class IntegerSuperBlock
{
    /// <summary>One super-block to floats. Unit has 11 significant bits, scale and q together at most 13: every step is exact.</summary>
    public static void Dequantize<T>(byte* block, float* y) where T : IIntegerSuperBlock
    {
        float unit = Unit<T>(block);
        sbyte* q = stackalloc sbyte[16];
        for (int j = 0; j < 16; j++)
        {
            T.Quants(block, j, q);
            for (int i = 0; i < 16; i++) y[16 * j + i] = unit * T.Scale(block, j) * q[i];
        }
    }

    /// <summary>Dot product of a row with one token's super-blocks (<see cref="Q8_K"/>). The integer sum is at most
    /// 256 * 32 * 127 * 127 = 132,128,768.</summary>
    public static float VecDot<T>(byte* row, int k, byte* x, nint groupStride) where T : IIntegerSuperBlock
    {
        float acc = 0;
        sbyte* q = stackalloc sbyte[16];
        for (; k > 0; k -= 256, row += T.GroupBytes, x += groupStride)
        {
            var a = (Q8_K*)x;
            int isum = 0;
            for (int j = 0; j < 16; j++)
            {
                int sum = 0;
                T.Quants(row, j, q);
                for (int i = 0; i < 16; i++) sum += q[i] * a->Qs[16 * j + i];
                isum += T.Scale(row, j) * sum;
            }
            acc = Canonical.SuperBlock(acc, isum, Unit<T>(row), a->D);
        }
        return acc;
    }

    // The factor of the whole super-block: its half-precision scale, times a power of two that makes the rest integers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Unit<T>(byte* block) where T : IIntegerSuperBlock =>
        HalfFloat.ToSingle((ushort)(T.ScalePair(block) >>> 16)) * T.Factor;
}
