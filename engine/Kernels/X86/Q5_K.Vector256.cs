using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q5_K"/> at 256 bits. A scale holds for twice as many values as int16 holds products of, so a tile has each
/// scale twice.</summary>
internal readonly unsafe struct Q5_K_Vector256 : ISuperBlock256, ISuperBlock<Q5_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Products<TScale>(byte* w, byte* x) where TScale : IScale256
    {
        SuperBlockGemv.ScaleMins(w + 4, out Vector128<short> scales8, out _);
        Vector256<short> scales = Vector256.Create(scales8, scales8);
        Vector256<byte> nibble = Vector256.Create((byte)15), fifth = Vector256.Create((byte)16), q = Vector256.Load(w + 48);
        Vector256<ushort> h = Vector256.Load((ushort*)(w + 16));
        Vector256<int> v = SuperBlockDot256.Block<TScale>(Vector256<int>.Zero, (q & nibble) | ((h << 4).AsByte() & fifth), x, scales, 0);
        v = SuperBlockDot256.Block<TScale>(
            v, ((q.AsUInt16() >>> 4).AsByte() & nibble) | ((h << 3).AsByte() & fifth), x + 32, scales, 1);
        q = Vector256.Load(w + 80);
        v = SuperBlockDot256.Block<TScale>(v, (q & nibble) | ((h << 2).AsByte() & fifth), x + 64, scales, 2);
        v = SuperBlockDot256.Block<TScale>(
            v, ((q.AsUInt16() >>> 4).AsByte() & nibble) | ((h << 1).AsByte() & fifth), x + 96, scales, 3);
        scales = SuperBlockDot256.UpperFour(scales);
        q = Vector256.Load(w + 112);
        v = SuperBlockDot256.Block<TScale>(v, (q & nibble) | (h.AsByte() & fifth), x + 128, scales, 0);
        v = SuperBlockDot256.Block<TScale>(
            v, ((q.AsUInt16() >>> 4).AsByte() & nibble) | ((h >>> 1).AsByte() & fifth), x + 160, scales, 1);
        q = Vector256.Load(w + 144);
        v = SuperBlockDot256.Block<TScale>(v, (q & nibble) | ((h >>> 2).AsByte() & fifth), x + 192, scales, 2);
        v = SuperBlockDot256.Block<TScale>(
            v, ((q.AsUInt16() >>> 4).AsByte() & nibble) | ((h >>> 3).AsByte() & fifth), x + 224, scales, 3);
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MinProducts(byte* w, byte* x) => Q4_K_Vector256.MinProducts(w, x);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightRows(byte* w, nint rowBytes, byte* tile)
    {
        Tile256.StoreScaleMins(w, rowBytes, tile, 2);
        for (int half = 0; half < 2; half++)
        {
            Transpose256.EightRows(w + 16 + (16 * half), rowBytes, out Vector256<int> h0, out Vector256<int> h1, out Vector256<int> h2, out Vector256<int> h3);
            for (int j = 0; j < 4; j++)
            {
                Transpose256.EightRows(w + 48 + (32 * j) + (16 * half), rowBytes, out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
                byte* to = tile + (64 * ((16 * j) + (4 * half)));
                Store(v0, h0 >>> (2 * j), to);
                Store(v1, h1 >>> (2 * j), to + 64);
                Store(v2, h2 >>> (2 * j), to + 128);
                Store(v3, h3 >>> (2 * j), to + 192);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> q, Vector256<int> h, byte* to)
    {
        Vector256<int> nibble = Vector256.Create(0x0f0f0f0f), fifth = Vector256.Create(0x10101010);
        ((q & nibble) | ((h << 4) & fifth)).Store((int*)to);
        (((q >>> 4) & nibble) | ((h << 3) & fifth)).Store((int*)(to + 512));
    }
}
