using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q2_K"/> at 256 bits.</summary>
internal readonly unsafe struct Q2_K_Vector256 : ISuperBlock256, ISuperBlock<Q2_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Products<TScale>(byte* w, byte* x) where TScale : IScale256
    {
        Vector256<short> scales = Avx2.ConvertToVector256Int16(Vector128.Load(w) & Vector128.Create((byte)15));
        Vector256<short> half = SuperBlockDot256.Lower(scales);
        Vector256<byte> three = Vector256.Create((byte)3);
        Vector256<ushort> q = Vector256.Load((ushort*)(w + 16));
        Vector256<int> v0 = SuperBlockDot256.Blocks<TScale>(Vector256<int>.Zero, q.AsByte() & three, x, half, 0);
        Vector256<int> v1 = SuperBlockDot256.Blocks<TScale>(Vector256<int>.Zero, (q >>> 2).AsByte() & three, x + 32, half, 2);
        v0 = SuperBlockDot256.Blocks<TScale>(v0, (q >>> 4).AsByte() & three, x + 64, half, 4);
        v1 = SuperBlockDot256.Blocks<TScale>(v1, (q >>> 6).AsByte() & three, x + 96, half, 6);
        half = SuperBlockDot256.Upper(scales);
        q = Vector256.Load((ushort*)(w + 48));
        v0 = SuperBlockDot256.Blocks<TScale>(v0, q.AsByte() & three, x + 128, half, 0);
        v1 = SuperBlockDot256.Blocks<TScale>(v1, (q >>> 2).AsByte() & three, x + 160, half, 2);
        v0 = SuperBlockDot256.Blocks<TScale>(v0, (q >>> 4).AsByte() & three, x + 192, half, 4);
        v1 = SuperBlockDot256.Blocks<TScale>(v1, (q >>> 6).AsByte() & three, x + 224, half, 6);
        return v0 + v1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MinProducts(byte* w, byte* x)
    {
        Vector256<short> mins = Avx2.ConvertToVector256Int16((Vector128.Load((ushort*)w) >>> 4).AsByte() & Vector128.Create((byte)15));
        Vector256<int> v = Avx2.MultiplyAddAdjacent(mins, Vector256.Load((short*)(x + Q8_K.Sums16Offset)));
        return v.GetLower() + v.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightRows(byte* w, nint rowBytes, byte* tile)
    {
        Transpose256.EightRows(w, rowBytes, out Vector256<int> u0, out Vector256<int> u1, out Vector256<int> u2, out Vector256<int> u3);
        StoreScaleMins(u0, 0, tile);
        StoreScaleMins(u1, 4, tile);
        StoreScaleMins(u2, 8, tile);
        StoreScaleMins(u3, 12, tile);
        for (int i = 0; i < 4; i++)
        {
            Transpose256.EightRows(w + 16 + (16 * i), rowBytes, out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
            byte* to = tile + (64 * ((4 * i) + (i / 2 * 24)));
            Store(v0, to);
            Store(v1, to + 64);
            Store(v2, to + 128);
            Store(v3, to + 192);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScaleMins(Vector256<int> u, int j, byte* tile)
    {
        Vector256<int> nibble = Vector256.Create(0x0f0f0f0f), scales = u & nibble, mins = (u >>> 4) & nibble;
        for (int b = 0; b < 4; b++) Tile256.StoreScale(tile, j + b, Tile256.Byte(scales, b));
        Tile256.StorePair(tile, j / 2, Tile256.Byte(mins, 0), Tile256.Byte(mins, 1));
        Tile256.StorePair(tile, j / 2 + 1, Tile256.Byte(mins, 2), Tile256.Byte(mins, 3));
    }

    /// <summary>Four values of each row, and those 32, 64 and 96 later.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<int> q, byte* to)
    {
        Vector256<int> three = Vector256.Create(0x03030303);
        (q & three).Store((int*)to);
        ((q >>> 2) & three).Store((int*)(to + 512));
        ((q >>> 4) & three).Store((int*)(to + 1024));
        ((q >>> 6) & three).Store((int*)(to + 1536));
    }
}
