using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="TQ2_0"/> at 256 bits.</summary>
internal readonly unsafe struct TQ2_0_Vector256 : ISuperBlock256, ISuperBlock<TQ2_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Products<TScale>(byte* w, byte* x) where TScale : IScale256
    {
        Vector256<short> p = Half(w, x) + Half(w + 32, x + 128);
        // Less the activations' sum.
        return Avx2.MultiplyAddAdjacent(p - Vector256.Load((short*)(x + Q8_K.Sums16Offset)), Vector256<short>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightRows(byte* w, nint rowBytes, byte* tile)
    {
        StoreOnes(tile);
        for (int i = 0; i < 4; i++)
        {
            Transpose256.EightRows(w + (16 * i), rowBytes, out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
            byte* to = tile + (64 * ((4 * i) + (i / 2 * 24)));
            Q2_K_Vector256.Store(v0, to);
            Q2_K_Vector256.Store(v1, to + 64);
            Q2_K_Vector256.Store(v2, to + 128);
            Q2_K_Vector256.Store(v3, to + 192);
        }
    }

    /// <summary>Scales of 1, and 1 to subtract from every value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOnes(byte* tile)
    {
        Vector256<int> one = Vector256<int>.One;
        for (int j = 0; j < 8; j++) Tile256.StoreScale(tile, j, one);
        for (int j = 0; j < 4; j++) Tile256.StorePair(tile, j, -one, -one);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Half(byte* w, byte* x)
    {
        Vector256<byte> three = Vector256.Create((byte)3);
        Vector256<ushort> q = Vector256.Load((ushort*)w);
        Vector256<short> p0 = Avx2.MultiplyAddAdjacent(q.AsByte() & three, Vector256.Load((sbyte*)x));
        Vector256<short> p1 = Avx2.MultiplyAddAdjacent((q >>> 2).AsByte() & three, Vector256.Load((sbyte*)(x + 32)));
        p0 += Avx2.MultiplyAddAdjacent((q >>> 4).AsByte() & three, Vector256.Load((sbyte*)(x + 64)));
        p1 += Avx2.MultiplyAddAdjacent((q >>> 6).AsByte() & three, Vector256.Load((sbyte*)(x + 96)));
        return p0 + p1;
    }
}
