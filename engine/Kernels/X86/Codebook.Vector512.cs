using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>The 512-bit kernels of a codebook format: as <see cref="Codebook256{TFormat, T}"/>.</summary>
internal readonly unsafe struct Codebook512<TFormat, T> : ISuperBlock512 where TFormat : ISuperBlockLayout where T : ICodebookX86<T>
{
    public static int GroupBytes => TFormat.GroupBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* w) => TFormat.ScalePair(w);

    public static float Factor => TFormat.Factor;

    public static bool HasMins => false;

    public static bool ScalesPer16 => Codebook256<TFormat, T>.ScalesPer16;

    public static int ProductsPerInt16
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Codebook256<TFormat, T>.ProductsPerInt16;
    }

    public static int Nibbles
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Codebook256<TFormat, T>.Nibbles;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static Vector512<int> Products(byte* w, byte* x)
    {
        short* scales = stackalloc short[16];
        ulong* signs = stackalloc ulong[4];
        ushort* indices = stackalloc ushort[64];
        T.Indices(w, indices);
        T.Scales(w).Store(scales);
        if (T.HasSigns) T.Signs(w).Store((byte*)signs);
        Vector512<int> v0 = Quarter(w, x, indices, scales, signs, 0), v1 = Quarter(w, x, indices, scales, signs, 1);
        v0 += Quarter(w, x, indices, scales, signs, 2);
        v1 += Quarter(w, x, indices, scales, signs, 3);
        return v0 + v1;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixteenRows(byte* w, nint rowBytes, byte* tile)
    {
        byte* rows = tile + Tile512.Work;
        short* scales = (short*)(rows + 4096);
        for (int r = 0; r < 16; r++) Codebook256<TFormat, T>.Row(w + (r * rowBytes), rows + (256 * r), scales + (16 * r));
        for (int half = 0; half < 2; half++)
        {
            Transpose512.SixteenRows((byte*)scales + (16 * half), 32,
                out Vector512<int> s0, out Vector512<int> s1, out Vector512<int> s2, out Vector512<int> s3);
            StoreScales(tile, 8 * half, s0, s1);
            StoreScales(tile, 8 * half + 4, s2, s3);
        }
        for (int i = 0; i < 8; i++, rows += 32, tile += 1024 * Nibbles)
        {
            Transpose512.SixteenRows(rows, 256, out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3,
                out Vector512<int> v4, out Vector512<int> v5, out Vector512<int> v6, out Vector512<int> v7);
            Store(tile, v0);
            Store(tile + 128, v1);
            Store(tile + 256, v2);
            Store(tile + 384, v3);
            Store(tile + 512, v4);
            Store(tile + 640, v5);
            Store(tile + 768, v6);
            Store(tile + 896, v7);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Quarter(byte* w, byte* x, ushort* indices, short* scales, ulong* signs, int i)
    {
        Vector512<byte> q = T.Quarter(w, indices, i);
        Vector512<sbyte> v = Vector512.Load((sbyte*)(x + (64 * i)));
        if (T.HasSigns)
        {
            Vector512<byte> bit = Vector512.Create(0x8040201008040201).AsByte();
            Vector512<byte> spread = Avx512BW.Shuffle(Vector512.Create(signs[i]).AsByte(), Vector512.Create(
                0ul, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303,
                0x0404040404040404, 0x0505050505050505, 0x0606060606060606, 0x0707070707070707).AsByte());
            v = Vector512.ConditionalSelect(Vector512.Equals(spread & bit, bit).AsSByte(), -v, v);
        }
        else
        {
            v = Vector512.ConditionalSelect(Vector512.LessThan(q.AsSByte(), Vector512<sbyte>.Zero), -v, v);
            q = Avx512BW.Abs(q.AsSByte());
        }
        Vector512<byte> scale = Avx512BW.Shuffle(Vector512.Create(*(ulong*)(scales + (4 * i))).AsByte(), Vector512.Create(
            0x0100010001000100ul, 0x0100010001000100, 0x0302030203020302, 0x0302030203020302,
            0x0504050405040504, 0x0504050405040504, 0x0706070607060706, 0x0706070607060706).AsByte());
        return Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(q, v), scale.AsInt16());
    }

    // Scales j to j + 3. In nibbles, a block of 32 has two: that of its low nibbles, then that of its high ones.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScales(byte* tile, int j, Vector512<int> first, Vector512<int> second)
    {
        int bias = Codebook256<TFormat, T>.Bias;
        Vector512<int> s0 = (first << 16) >> 16, s1 = first >> 16, s2 = (second << 16) >> 16, s3 = second >> 16;
        Tile512.StoreScale(tile, j, s0);
        Tile512.StoreScale(tile, j + 1, Nibbles == 2 ? s0 << 4 : s1);
        Tile512.StoreScale(tile, j + 2, s2);
        Tile512.StoreScale(tile, j + 3, Nibbles == 2 ? s2 << 4 : s3);
        if (Nibbles == 2) Tile512.StorePair(tile, j / 4, s0 * -bias, s2 * -bias);
        else
        {
            Tile512.StorePair(tile, j / 2, s0 * -bias, s1 * -bias);
            Tile512.StorePair(tile, j / 2 + 1, s2 * -bias, s3 * -bias);
        }
    }

    // Four values of each row; in nibbles, the high ones stand a block later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(byte* to, Vector512<int> v)
    {
        if (Nibbles == 1)
        {
            v.Store((int*)to);
            return;
        }
        Vector512<int> nibble = Vector512.Create(0x0f0f0f0f);
        (v & nibble).Store((int*)to);
        ((v >>> 4) & nibble).Store((int*)(to + 1024));
    }
}
