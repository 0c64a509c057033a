using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q6_K"/> at 256 bits.</summary>
internal readonly unsafe struct Q6_K_Vector256 : ISuperBlock256, ISuperBlock<Q6_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Products<TScale>(byte* w, byte* x) where TScale : IScale256
    {
        Vector256<short> scales = Avx2.ConvertToVector256Int16(Vector128.Load((sbyte*)(w + 192)));
        Vector256<int> v = Vector256<int>.Zero - (Avx2.MultiplyAddAdjacent(scales, Vector256.Load((short*)(x + Q8_K.Sums16Offset))) << 5);
        Vector256<short> half = SuperBlockDot256.Lower(scales);
        Vector256<byte> nibble = Vector256.Create((byte)15), two = Vector256.Create((byte)0x30), q = Vector256.Load(w);
        Vector256<ushort> h = Vector256.Load((ushort*)(w + 128));
        v = SuperBlockDot256.Blocks<TScale>(v, (q & nibble) | ((h << 4).AsByte() & two), x, half, 0);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q.AsUInt16() >>> 4).AsByte() & nibble) | (h.AsByte() & two), x + 64, half, 4);
        q = Vector256.Load(w + 32);
        v = SuperBlockDot256.Blocks<TScale>(v, (q & nibble) | ((h << 2).AsByte() & two), x + 32, half, 2);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q.AsUInt16() >>> 4).AsByte() & nibble) | ((h >>> 2).AsByte() & two), x + 96, half, 6);
        half = SuperBlockDot256.Upper(scales);
        q = Vector256.Load(w + 64);
        h = Vector256.Load((ushort*)(w + 160));
        v = SuperBlockDot256.Blocks<TScale>(v, (q & nibble) | ((h << 4).AsByte() & two), x + 128, half, 0);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q.AsUInt16() >>> 4).AsByte() & nibble) | (h.AsByte() & two), x + 192, half, 4);
        q = Vector256.Load(w + 96);
        v = SuperBlockDot256.Blocks<TScale>(v, (q & nibble) | ((h << 2).AsByte() & two), x + 160, half, 2);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q.AsUInt16() >>> 4).AsByte() & nibble) | ((h >>> 2).AsByte() & two), x + 224, half, 6);
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightRows(byte* w, nint rowBytes, byte* tile)
    {
        Transpose256.EightRows(w + 192, rowBytes, out Vector256<int> u0, out Vector256<int> u1, out Vector256<int> u2, out Vector256<int> u3);
        StoreScales(u0, 0, tile);
        StoreScales(u1, 4, tile);
        StoreScales(u2, 8, tile);
        StoreScales(u3, 12, tile);
        for (int i = 0; i < 4; i++)
        {
            byte* low = w + (64 * (i / 2)) + (16 * (i % 2)), to = tile + (64 * ((32 * (i / 2)) + (4 * (i % 2))));
            Transpose256.EightRows(w + 128 + (16 * i), rowBytes, out Vector256<int> h0, out Vector256<int> h1, out Vector256<int> h2, out Vector256<int> h3);
            Transpose256.EightRows(low, rowBytes, out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
            Store(v0, h0, to);
            Store(v1, h1, to + 64);
            Store(v2, h2, to + 128);
            Store(v3, h3, to + 192);
            Transpose256.EightRows(low + 32, rowBytes, out v0, out v1, out v2, out v3);
            Store(v0, h0 >>> 2, to + 512);
            Store(v1, h1 >>> 2, to + 576);
            Store(v2, h2 >>> 2, to + 640);
            Store(v3, h3 >>> 2, to + 704);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScales(Vector256<int> u, int j, byte* tile)
    {
        Vector256<int> s0 = (u << 24) >> 24, s1 = (u << 16) >> 24, s2 = (u << 8) >> 24, s3 = u >> 24;
        Tile256.StoreScale(tile, j, s0);
        Tile256.StoreScale(tile, j + 1, s1);
        Tile256.StoreScale(tile, j + 2, s2);
        Tile256.StoreScale(tile, j + 3, s3);
        Tile256.StorePair(tile, j / 2, s0 * -32, s1 * -32);
        Tile256.StorePair(tile, j / 2 + 1, s2 * -32, s3 * -32);
    }

    // Blocks of 32 values j and j + 2 of a half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> q, Vector256<int> h, byte* to)
    {
        Vector256<int> nibble = Vector256.Create(0x0f0f0f0f), two = Vector256.Create(0x30303030);
        ((q & nibble) | ((h << 4) & two)).Store((int*)to);
        (((q >>> 4) & nibble) | (h & two)).Store((int*)(to + 1024));
    }
}
