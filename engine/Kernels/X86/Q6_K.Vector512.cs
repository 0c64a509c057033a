using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q6_K"/> at 512 bits.</summary>
internal readonly unsafe struct Q6_K_Vector512 : ISuperBlock512, ISuperBlock<Q6_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Products(byte* w, byte* x)
    {
        Vector256<short> scales16 = Avx2.ConvertToVector256Int16(Vector128.Load((sbyte*)(w + 192)));
        Vector512<short> scales = scales16.ToVector512Unsafe();
        // 32 bytes of high bits serve 128 values: bits 2j and 2j+1 are to become bits 4 and 5 of 32 values each.
        Vector512<byte> nibble = Vector512.Create((byte)15), two = Vector512.Create((byte)0x30);
        Vector512<ushort> left = SuperBlockDot512.PerHalf(4, 2), right = SuperBlockDot512.PerHalf(0, 2);
        Vector512<long> high = Vector512.Load((long*)(w + 128));
        Vector512<byte> q = Vector512.Load(w);
        Vector512<ushort> h = Avx512F.Shuffle4x128(high, high, 0x44).AsUInt16();
        Vector512<int> v0 = SuperBlockDot512.Quarter((q & nibble) | (Avx512BW.ShiftLeftLogicalVariable(h, left).AsByte() & two), x, scales, 0);
        Vector512<int> v1 = SuperBlockDot512.Quarter(
            ((q.AsUInt16() >>> 4).AsByte() & nibble) | (Avx512BW.ShiftRightLogicalVariable(h, right).AsByte() & two), x + 64, scales, 4);
        q = Vector512.Load(w + 64);
        h = Avx512F.Shuffle4x128(high, high, 0xee).AsUInt16();
        v0 += SuperBlockDot512.Quarter((q & nibble) | (Avx512BW.ShiftLeftLogicalVariable(h, left).AsByte() & two), x + 128, scales, 8);
        v1 += SuperBlockDot512.Quarter(
            ((q.AsUInt16() >>> 4).AsByte() & nibble) | (Avx512BW.ShiftRightLogicalVariable(h, right).AsByte() & two), x + 192, scales, 12);
        Vector256<int> offset = Avx2.MultiplyAddAdjacent(scales16, Vector256.Load((short*)(x + Q8_K.Sums16Offset))) << 5;
        return v0 + v1 - offset.ToVector512();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixteenRows(byte* w, nint rowBytes, byte* tile)
    {
        Transpose512.SixteenRows(w + 192, rowBytes, out Vector512<int> u0, out Vector512<int> u1, out Vector512<int> u2, out Vector512<int> u3);
        StoreScales(u0, 0, tile);
        StoreScales(u1, 4, tile);
        StoreScales(u2, 8, tile);
        StoreScales(u3, 12, tile);
        for (int half = 0; half < 2; half++, tile += 4096)
        {
            Transpose512.SixteenRows(w + 128 + (32 * half), rowBytes, out Vector512<int> h0, out Vector512<int> h1, out Vector512<int> h2, out Vector512<int> h3,
                out Vector512<int> h4, out Vector512<int> h5, out Vector512<int> h6, out Vector512<int> h7);
            for (int i = 0; i < 2; i++)
            {
                Transpose512.SixteenRows(w + (64 * half) + (32 * i), rowBytes, out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3,
                    out Vector512<int> v4, out Vector512<int> v5, out Vector512<int> v6, out Vector512<int> v7);
                byte* to = tile + (1024 * i);
                Store(v0, h0 >>> (2 * i), to);
                Store(v1, h1 >>> (2 * i), to + 128);
                Store(v2, h2 >>> (2 * i), to + 256);
                Store(v3, h3 >>> (2 * i), to + 384);
                Store(v4, h4 >>> (2 * i), to + 512);
                Store(v5, h5 >>> (2 * i), to + 640);
                Store(v6, h6 >>> (2 * i), to + 768);
                Store(v7, h7 >>> (2 * i), to + 896);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScales(Vector512<int> u, int j, byte* tile)
    {
        Vector512<int> s0 = (u << 24) >> 24, s1 = (u << 16) >> 24, s2 = (u << 8) >> 24, s3 = u >> 24;
        Tile512.StoreScale(tile, j, s0);
        Tile512.StoreScale(tile, j + 1, s1);
        Tile512.StoreScale(tile, j + 2, s2);
        Tile512.StoreScale(tile, j + 3, s3);
        Tile512.StorePair(tile, j / 2, s0 * -32, s1 * -32);
        Tile512.StorePair(tile, j / 2 + 1, s2 * -32, s3 * -32);
    }

    // Blocks of 32 values j and j + 2 of a half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, Vector512<int> h, byte* to)
    {
        Vector512<int> nibble = Vector512.Create(0x0f0f0f0f), two = Vector512.Create(0x30303030);
        ((q & nibble) | ((h << 4) & two)).Store((int*)to);
        (((q >>> 4) & nibble) | (h & two)).Store((int*)(to + 2048));
    }
}
