using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q3_K"/> at 512 bits.</summary>
internal readonly unsafe struct Q3_K_Vector512 : ISuperBlock512, ISuperBlock<Q3_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Products(byte* w, byte* x)
    {
        Vector256<short> scales16 = SuperBlockGemv.SignedScales(w + 96);
        Vector512<short> scales = scales16.ToVector512Unsafe();
        // Bits 2j and 2j+1 of the 64 bytes are values 32j..32j+31 and, in the upper half, 128+32j..128+32j+31; their third bits are
        // bits j and 4 + j of 32 bytes: bit j of both halves of h.
        Vector512<ushort> q = Vector512.Load((ushort*)(w + 32));
        Vector512<byte> three = Vector512.Create((byte)3), third = Vector512.Create((byte)4);
        Vector512<long> high = Vector256.Load((long*)w).ToVector512Unsafe();
        Vector512<ushort> h = Avx512BW.ShiftRightLogicalVariable(Avx512F.Shuffle4x128(high, high, 0x44).AsUInt16(), SuperBlockDot512.PerHalf(0, 4));
        Vector512<int> v0 = SuperBlockDot512.Blocks((q.AsByte() & three) | ((h << 2).AsByte() & third), x, x + 128, scales, SuperBlockDot512.Fours(0, 8));
        Vector512<int> v1 = SuperBlockDot512.Blocks(((q >>> 2).AsByte() & three) | ((h << 1).AsByte() & third), x + 32, x + 160, scales, SuperBlockDot512.Fours(2, 10));
        v0 += SuperBlockDot512.Blocks(((q >>> 4).AsByte() & three) | (h.AsByte() & third), x + 64, x + 192, scales, SuperBlockDot512.Fours(4, 12));
        v1 += SuperBlockDot512.Blocks(((q >>> 6).AsByte() & three) | ((h >>> 1).AsByte() & third), x + 96, x + 224, scales, SuperBlockDot512.Fours(6, 14));
        Vector256<int> offset = Avx2.MultiplyAddAdjacent(scales16, Vector256.Load((short*)(x + Q8_K.Sums16Offset))) << 2;
        return v0 + v1 - offset.ToVector512();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixteenRows(byte* w, nint rowBytes, byte* tile)
    {
        // The last 16 bytes of the block: two of quants, 12 of scales, D.
        Transpose512.SixteenRows(w + 94, rowBytes, out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3);
        Vector512<int> u0 = (v0 >>> 16) | (v1 << 16), u1 = (v1 >>> 16) | (v2 << 16), u2 = (v2 >>> 16) | (v3 << 16);
        Vector512<int> nibble = Vector512.Create(0x0f0f0f0f), two = Vector512.Create(0x30303030);
        StoreScales((u0 & nibble) | ((u2 << 4) & two), 0, tile);
        StoreScales((u1 & nibble) | ((u2 << 2) & two), 4, tile);
        StoreScales(((u0 >>> 4) & nibble) | (u2 & two), 8, tile);
        StoreScales(((u1 >>> 4) & nibble) | ((u2 >>> 2) & two), 12, tile);
        // 8 dwords of third bits, 16 of quants.
        Transpose512.SixteenRows(w, rowBytes, out Vector512<int> h0, out Vector512<int> h1, out Vector512<int> h2, out Vector512<int> h3,
            out Vector512<int> h4, out Vector512<int> h5, out Vector512<int> h6, out Vector512<int> h7);
        for (int half = 0; half < 2; half++, tile += 4096)
        {
            Transpose512.SixteenRows(w + 32 + (32 * half), rowBytes, out v0, out v1, out v2, out v3,
                out Vector512<int> v4, out Vector512<int> v5, out Vector512<int> v6, out Vector512<int> v7);
            Store(v0, h0 >>> (4 * half), tile);
            Store(v1, h1 >>> (4 * half), tile + 128);
            Store(v2, h2 >>> (4 * half), tile + 256);
            Store(v3, h3 >>> (4 * half), tile + 384);
            Store(v4, h4 >>> (4 * half), tile + 512);
            Store(v5, h5 >>> (4 * half), tile + 640);
            Store(v6, h6 >>> (4 * half), tile + 768);
            Store(v7, h7 >>> (4 * half), tile + 896);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScales(Vector512<int> u, int j, byte* tile)
    {
        Vector512<int> bias = Vector512.Create(32);
        for (int b = 0; b < 4; b++) Tile512.StoreScale(tile, j + b, Tile512.Byte(u, b) - bias);
        Tile512.StorePair(tile, j / 2, (bias - Tile512.Byte(u, 0)) << 2, (bias - Tile512.Byte(u, 1)) << 2);
        Tile512.StorePair(tile, j / 2 + 1, (bias - Tile512.Byte(u, 2)) << 2, (bias - Tile512.Byte(u, 3)) << 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, Vector512<int> h, byte* to)
    {
        Vector512<int> three = Vector512.Create(0x03030303), third = Vector512.Create(0x04040404);
        ((q & three) | ((h << 2) & third)).Store((int*)to);
        (((q >>> 2) & three) | ((h << 1) & third)).Store((int*)(to + 1024));
        (((q >>> 4) & three) | (h & third)).Store((int*)(to + 2048));
        (((q >>> 6) & three) | ((h >>> 1) & third)).Store((int*)(to + 3072));
    }
}
