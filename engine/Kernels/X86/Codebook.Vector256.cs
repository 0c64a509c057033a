using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>The 256-bit kernels of a codebook format. One token: magnitudes times activations that have the values' signs, two of them an
/// int16 (at most 2 * 127 * 127 = 32,258). Many tokens: a row at a time is unpacked to values that a bias makes unsigned.</summary>
internal readonly unsafe struct Codebook256<TFormat, T> : ISuperBlock256 where TFormat : ISuperBlockLayout where T : ICodebookX86<T>
{
    public static int GroupBytes => TFormat.GroupBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* w) => TFormat.ScalePair(w);

    public static float Factor => TFormat.Factor;

    public static bool HasMins => false;

    public static bool ScalesPer16 => Nibbles == 1;

    /// <summary>With the bias, values up to 32 fit four times (4 * 2 * 32 * 127 = 32,512), up to 128 once (2 * 128 * 127 = 32,512).
    /// Nibbles fit eight times (8 * 2 * 15 * 127 = 30,480).</summary>
    public static int ProductsPerInt16
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Nibbles == 2 ? 8 : T.Largest <= 16 ? 4 : 1;
    }

    public static int Nibbles
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => T.Largest > 64 ? 2 : 1;
    }

    /// <summary>What is added to the values of a tile.</summary>
    public static int Bias
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Nibbles == 2 ? 128 : T.Largest;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static Vector256<int> Products<TScale>(byte* w, byte* x) where TScale : IScale256
    {
        short* scales = stackalloc short[16];
        uint* signs = stackalloc uint[8];
        ushort* indices = stackalloc ushort[64];
        T.Indices(w, indices);
        T.Scales(w).Store(scales);
        if (T.HasSigns) T.Signs(w).Store((byte*)signs);
        Vector256<int> v0 = default, v1 = default;
        for (int b = 0; b < 8; b += 2)
        {
            v0 = Block<TScale>(v0, w, x, indices, scales, signs, b);
            v1 = Block<TScale>(v1, w, x, indices, scales, signs, b + 1);
        }
        return v0 + v1;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightRows(byte* w, nint rowBytes, byte* tile)
    {
        byte* rows = tile + Tile256.Work;
        short* scales = (short*)(rows + 2048);
        for (int r = 0; r < 8; r++) Row(w + (r * rowBytes), rows + (256 * r), scales + (16 * r));
        for (int half = 0; half < 2; half++)
        {
            Transpose256.EightRows((byte*)scales + (16 * half), 32,
                out Vector256<int> s0, out Vector256<int> s1, out Vector256<int> s2, out Vector256<int> s3);
            StoreScales(tile, 8 * half, s0, s1);
            StoreScales(tile, 8 * half + 4, s2, s3);
        }
        for (int j = 0; j < 16; j++)
        {
            Transpose256.EightRows(rows + (16 * j), 256, out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
            byte* to = tile + (256 * j) + (Nibbles == 2 ? j / 2 * 512 : 0);
            Store(to, v0);
            Store(to + 64, v1);
            Store(to + 128, v2);
            Store(to + 192, v3);
        }
    }

    /// <summary>One row's super-block: its values with the bias in order, and its scales.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Row(byte* w, byte* q, short* scales)
    {
        uint* signs = stackalloc uint[8];
        ushort* indices = stackalloc ushort[64];
        T.Indices(w, indices);
        T.Scales(w).Store(scales);
        if (T.HasSigns) T.Signs(w).Store((byte*)signs);
        for (int b = 0; b < 8; b++)
        {
            Vector256<sbyte> v = T.Block(w, indices, b).AsSByte();
            if (T.HasSigns)
            {
                Vector256<sbyte> mask = CodebookX86.Mask(signs[b]);
                v = (v ^ mask) - mask;
            }
            (v.AsByte() + Vector256.Create((byte)Bias)).Store(q + (32 * b));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Block<TScale>(
        Vector256<int> acc, byte* w, byte* x, ushort* indices, short* scales, uint* signs, int b) where TScale : IScale256
    {
        Vector256<byte> q = T.Block(w, indices, b);
        Vector256<sbyte> v = Vector256.Load((sbyte*)(x + (32 * b)));
        if (T.HasSigns)
        {
            Vector256<sbyte> mask = CodebookX86.Mask(signs[b]);
            v = (v ^ mask) - mask;
        }
        else
        {
            v = Avx2.Sign(v, q.AsSByte());
            q = Avx2.Abs(q.AsSByte());
        }
        Vector256<byte> scale = Avx2.Shuffle(Vector256.Create(*(int*)(scales + (2 * b))).AsByte(),
            Vector256.Create(0x0100010001000100ul, 0x0100010001000100, 0x0302030203020302, 0x0302030203020302).AsByte());
        return TScale.Add(acc, Avx2.MultiplyAddAdjacent(q, v), scale.AsInt16());
    }

    // Scales j to j + 3. In nibbles, a block of 32 has two: that of its low nibbles, then that of its high ones.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreScales(byte* tile, int j, Vector256<int> first, Vector256<int> second)
    {
        Vector256<int> s0 = (first << 16) >> 16, s1 = first >> 16, s2 = (second << 16) >> 16, s3 = second >> 16;
        Tile256.StoreScale(tile, j, s0);
        Tile256.StoreScale(tile, j + 1, Nibbles == 2 ? s0 << 4 : s1);
        Tile256.StoreScale(tile, j + 2, s2);
        Tile256.StoreScale(tile, j + 3, Nibbles == 2 ? s2 << 4 : s3);
        if (Nibbles == 2) Tile256.StorePair(tile, j / 4, s0 * -Bias, s2 * -Bias);
        else
        {
            Tile256.StorePair(tile, j / 2, s0 * -Bias, s1 * -Bias);
            Tile256.StorePair(tile, j / 2 + 1, s2 * -Bias, s3 * -Bias);
        }
    }

    // Four values of each row; in nibbles, the high ones stand a block later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(byte* to, Vector256<int> v)
    {
        if (Nibbles == 1)
        {
            v.Store((int*)to);
            return;
        }
        Vector256<int> nibble = Vector256.Create(0x0f0f0f0f);
        (v & nibble).Store((int*)to);
        ((v >>> 4) & nibble).Store((int*)(to + 512));
    }
}
