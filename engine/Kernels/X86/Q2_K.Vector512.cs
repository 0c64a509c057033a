using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q2_K"/> at 512 bits.</summary>
internal readonly unsafe struct Q2_K_Vector512 : ISuperBlock512, ISuperBlock<Q2_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Products(byte* w, byte* x)
    {
        Vector512<short> scales = Avx2.ConvertToVector256Int16(Vector128.Load(w) & Vector128.Create((byte)15)).ToVector512Unsafe();
        // Bits 2j and 2j+1 of the 64 bytes are values 32j..32j+31 and, in the upper half, 128+32j..128+32j+31.
        Vector512<ushort> q = Vector512.Load((ushort*)(w + 16));
        Vector512<byte> three = Vector512.Create((byte)3);
        Vector512<int> v0 = SuperBlockDot512.Blocks(q.AsByte() & three, x, x + 128, scales, SuperBlockDot512.Fours(0, 8));
        Vector512<int> v1 = SuperBlockDot512.Blocks((q >>> 2).AsByte() & three, x + 32, x + 160, scales, SuperBlockDot512.Fours(2, 10));
        v0 += SuperBlockDot512.Blocks((q >>> 4).AsByte() & three, x + 64, x + 192, scales, SuperBlockDot512.Fours(4, 12));
        v1 += SuperBlockDot512.Blocks((q >>> 6).AsByte() & three, x + 96, x + 224, scales, SuperBlockDot512.Fours(6, 14));
        return v0 + v1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MinProducts(byte* w, byte* x) => Q2_K_Vector256.MinProducts(w, x);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixteenRows(byte* w, nint rowBytes, byte* tile)
    {
        Transpose512.SixteenRows(w, rowBytes, out Vector512<int> u0, out Vector512<int> u1, out Vector512<int> u2, out Vector512<int> u3);
        StoreScaleMins(u0, 0, tile);
        StoreScaleMins(u1, 4, tile);
        StoreScaleMins(u2, 8, tile);
        StoreScaleMins(u3, 12, tile);
        StoreRows(w + 16, rowBytes, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScaleMins(Vector512<int> u, int j, byte* tile)
    {
        Vector512<int> nibble = Vector512.Create(0x0f0f0f0f), scales = u & nibble, mins = (u >>> 4) & nibble;
        for (int b = 0; b < 4; b++) Tile512.StoreScale(tile, j + b, Tile512.Byte(scales, b));
        Tile512.StorePair(tile, j / 2, Tile512.Byte(mins, 0), Tile512.Byte(mins, 1));
        Tile512.StorePair(tile, j / 2 + 1, Tile512.Byte(mins, 2), Tile512.Byte(mins, 3));
    }

    /// <summary>64 bytes of each row, four values of two bits in each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRows(byte* w, nint rowBytes, byte* tile)
    {
        for (int half = 0; half < 2; half++, w += 32, tile += 4096)
        {
            Transpose512.SixteenRows(w, rowBytes, out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3,
                out Vector512<int> v4, out Vector512<int> v5, out Vector512<int> v6, out Vector512<int> v7);
            Store(v0, tile);
            Store(v1, tile + 128);
            Store(v2, tile + 256);
            Store(v3, tile + 384);
            Store(v4, tile + 512);
            Store(v5, tile + 640);
            Store(v6, tile + 768);
            Store(v7, tile + 896);
        }
    }

    // Four values of each row, and those 32, 64 and 96 later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, byte* to)
    {
        Vector512<int> three = Vector512.Create(0x03030303);
        (q & three).Store((int*)to);
        ((q >>> 2) & three).Store((int*)(to + 1024));
        ((q >>> 4) & three).Store((int*)(to + 2048));
        ((q >>> 6) & three).Store((int*)(to + 3072));
    }
}
