using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q3_K"/> at 256 bits.</summary>
internal readonly unsafe struct Q3_K_Vector256 : ISuperBlock256, ISuperBlock<Q3_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Products<TScale>(byte* w, byte* x) where TScale : IScale256
    {
        Vector256<short> scales = SuperBlockGemv.SignedScales(w + 96);
        Vector256<int> v = Vector256<int>.Zero - (Avx2.MultiplyAddAdjacent(scales, Vector256.Load((short*)(x + Q8_K.Sums16Offset))) << 2);
        Vector256<short> half = SuperBlockDot256.Lower(scales);
        Vector256<byte> three = Vector256.Create((byte)3), third = Vector256.Create((byte)4);
        Vector256<ushort> q = Vector256.Load((ushort*)(w + 32)), h = Vector256.Load((ushort*)w);
        v = SuperBlockDot256.Blocks<TScale>(v, (q.AsByte() & three) | ((h << 2).AsByte() & third), x, half, 0);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q >>> 2).AsByte() & three) | ((h << 1).AsByte() & third), x + 32, half, 2);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q >>> 4).AsByte() & three) | (h.AsByte() & third), x + 64, half, 4);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q >>> 6).AsByte() & three) | ((h >>> 1).AsByte() & third), x + 96, half, 6);
        half = SuperBlockDot256.Upper(scales);
        q = Vector256.Load((ushort*)(w + 64));
        v = SuperBlockDot256.Blocks<TScale>(v, (q.AsByte() & three) | ((h >>> 2).AsByte() & third), x + 128, half, 0);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q >>> 2).AsByte() & three) | ((h >>> 3).AsByte() & third), x + 160, half, 2);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q >>> 4).AsByte() & three) | ((h >>> 4).AsByte() & third), x + 192, half, 4);
        v = SuperBlockDot256.Blocks<TScale>(v, ((q >>> 6).AsByte() & three) | ((h >>> 5).AsByte() & third), x + 224, half, 6);
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightRows(byte* w, nint rowBytes, byte* tile)
    {
        // The last 16 bytes of the block: two of quants, 12 of scales, D.
        Transpose256.EightRows(w + 94, rowBytes, out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
        Vector256<int> u0 = (v0 >>> 16) | (v1 << 16), u1 = (v1 >>> 16) | (v2 << 16), u2 = (v2 >>> 16) | (v3 << 16);
        Vector256<int> nibble = Vector256.Create(0x0f0f0f0f), two = Vector256.Create(0x30303030);
        StoreScales((u0 & nibble) | ((u2 << 4) & two), 0, tile);
        StoreScales((u1 & nibble) | ((u2 << 2) & two), 4, tile);
        StoreScales(((u0 >>> 4) & nibble) | (u2 & two), 8, tile);
        StoreScales(((u1 >>> 4) & nibble) | ((u2 >>> 2) & two), 12, tile);
        for (int i = 0; i < 4; i++)
        {
            Transpose256.EightRows(w + (16 * (i % 2)), rowBytes, out Vector256<int> h0, out Vector256<int> h1, out Vector256<int> h2, out Vector256<int> h3);
            Transpose256.EightRows(w + 32 + (16 * i), rowBytes, out v0, out v1, out v2, out v3);
            byte* to = tile + (64 * ((4 * i) + (i / 2 * 24)));
            Store(v0, h0 >>> (i / 2 * 4), to);
            Store(v1, h1 >>> (i / 2 * 4), to + 64);
            Store(v2, h2 >>> (i / 2 * 4), to + 128);
            Store(v3, h3 >>> (i / 2 * 4), to + 192);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScales(Vector256<int> u, int j, byte* tile)
    {
        Vector256<int> bias = Vector256.Create(32);
        for (int b = 0; b < 4; b++) Tile256.StoreScale(tile, j + b, Tile256.Byte(u, b) - bias);
        Tile256.StorePair(tile, j / 2, (bias - Tile256.Byte(u, 0)) << 2, (bias - Tile256.Byte(u, 1)) << 2);
        Tile256.StorePair(tile, j / 2 + 1, (bias - Tile256.Byte(u, 2)) << 2, (bias - Tile256.Byte(u, 3)) << 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> q, Vector256<int> h, byte* to)
    {
        Vector256<int> three = Vector256.Create(0x03030303), third = Vector256.Create(0x04040404);
        ((q & three) | ((h << 2) & third)).Store((int*)to);
        (((q >>> 2) & three) | ((h << 1) & third)).Store((int*)(to + 512));
        (((q >>> 4) & three) | (h & third)).Store((int*)(to + 1024));
        (((q >>> 6) & three) | ((h >>> 1) & third)).Store((int*)(to + 1536));
    }
}
