using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="TQ2_0"/> at 512 bits.</summary>
internal readonly unsafe struct TQ2_0_Vector512 : ISuperBlock512, ISuperBlock<TQ2_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Products(byte* w, byte* x)
    {
        // Bits 2j and 2j+1 of the 64 bytes are values 32j..32j+31 and, in the upper half, 128+32j..128+32j+31.
        Vector512<byte> three = Vector512.Create((byte)3);
        Vector512<ushort> q = Vector512.Load((ushort*)w);
        Vector512<short> p0 = Avx512BW.MultiplyAddAdjacent(q.AsByte() & three, Activations(x, 0));
        Vector512<short> p1 = Avx512BW.MultiplyAddAdjacent((q >>> 2).AsByte() & three, Activations(x, 32));
        p0 += Avx512BW.MultiplyAddAdjacent((q >>> 4).AsByte() & three, Activations(x, 64));
        p1 += Avx512BW.MultiplyAddAdjacent((q >>> 6).AsByte() & three, Activations(x, 96));
        // Less the activations' sum.
        p0 -= Vector256.Load((short*)(x + Q8_K.Sums16Offset)).ToVector512();
        return Avx512BW.MultiplyAddAdjacent(p0 + p1, Vector512<short>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixteenRows(byte* w, nint rowBytes, byte* tile)
    {
        StoreOnes(tile);
        Q2_K_Vector512.StoreRows(w, rowBytes, tile);
    }

    /// <summary>Scales of 1, and 1 to subtract from every value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOnes(byte* tile)
    {
        Vector512<int> one = Vector512<int>.One;
        for (int j = 0; j < 8; j++) Tile512.StoreScale(tile, j, one);
        for (int j = 0; j < 4; j++) Tile512.StorePair(tile, j, -one, -one);
    }

    // 32 activations from a place on, and those 128 later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> Activations(byte* x, int at) =>
        Avx512F.InsertVector256(Vector256.Load((sbyte*)(x + at)).ToVector512Unsafe(), Vector256.Load((sbyte*)(x + at + 128)), 1);
}
