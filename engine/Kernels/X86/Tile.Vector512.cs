using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>32 rows of one super-block, unpacked: a row a 32-bit lane, two vectors of 16 rows side by side. Values 4j..4j+3 of every row
/// as bytes at 128j (in nibbles, a block of 32 values is its low nibbles, then its high ones); then the scales, int16, each twice; then
/// minimums or offsets, two int16 a lane; then D and DMin as floats.</summary>
internal static unsafe class Tile512
{
    /// <summary>Offset of the scales: 8 of 32 values, or 16 of 16.</summary>
    public const int Scales = 16384;

    /// <summary>Offset of what multiplies the activations' sums: 4 or 8 pairs.</summary>
    public const int Pairs = Scales + 2048;

    /// <summary>Offset of D.</summary>
    public const int D = Pairs + 1024;

    /// <summary>Offset of DMin.</summary>
    public const int DMin = D + 128;

    /// <summary>Offset of the memory that unpacking works in, from the first vector: <see cref="WorkBytes"/>.</summary>
    public const int Work = DMin + 128;

    /// <summary>16 rows of 256 bytes, and 16 scales of each.</summary>
    public const int WorkBytes = 4096 + 512;

    /// <summary>Size of all.</summary>
    public const int Bytes = Work + 64 + WorkBytes;

    /// <summary>Unpacks 32 rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unpack<T>(byte* w, nint rowBytes, byte* tile) where T : ISuperBlock512
    {
        Sixteen<T>(w, rowBytes, tile);
        Sixteen<T>(w + (16 * rowBytes), rowBytes, tile + 64);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sixteen<T>(byte* w, nint rowBytes, byte* tile) where T : ISuperBlock512
    {
        T.SixteenRows(w, rowBytes, tile);
        Vector512<int> pairs = ScalePairs<T>(w, rowBytes);
        Vector512<float> d = T.HasMins ? HalfFloat.LowerToSingle(pairs) : HalfFloat.UpperToSingle(pairs);
        (T.Factor != 1 ? d * T.Factor : d).Store((float*)(tile + D));
        if (T.HasMins) HalfFloat.UpperToSingle(pairs).Store((float*)(tile + DMin));
    }

    /// <summary>Byte <paramref name="b"/> of every lane, zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Byte(Vector512<int> v, int b) => (v >>> (8 * b)) & Vector512.Create(255);

    /// <summary>Stores scale j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreScale(byte* tile, int j, Vector512<int> scale) => StorePair(tile + Scales - Pairs, j, scale, scale);

    /// <summary>Stores minimums or offsets 2j and 2j + 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePair(byte* tile, int j, Vector512<int> even, Vector512<int> odd) =>
        ((even & Vector512.Create(0xffff)) | (odd << 16)).Store((int*)(tile + Pairs + 128 * j));

    /// <summary>Stores the scales and minimums of Q4_K and Q5_K; each scale <paramref name="times"/> times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreScaleMins(byte* w, nint rowBytes, byte* tile, int times)
    {
        Transpose512.SixteenRows(w, rowBytes, out _, out Vector512<int> u0, out Vector512<int> u1, out Vector512<int> u2);
        Vector512<int> six = Vector512.Create(0x3f3f3f3f), four = Vector512.Create(0x0f0f0f0f), two = Vector512.Create(0x30303030);
        Vector512<int> s0 = u0 & six, s1 = (u2 & four) | ((u0 >>> 2) & two), m0 = u1 & six, m1 = ((u2 >>> 4) & four) | ((u1 >>> 2) & two);
        for (int b = 0; b < 4; b++)
            for (int i = 0; i < times; i++)
            {
                StoreScale(tile, times * b + i, Byte(s0, b));
                StoreScale(tile, times * (b + 4) + i, Byte(s1, b));
            }
        for (int j = 0; j < 2; j++)
        {
            StorePair(tile, j, Byte(m0, 2 * j), Byte(m0, 2 * j + 1));
            StorePair(tile, j + 2, Byte(m1, 2 * j), Byte(m1, 2 * j + 1));
        }
    }

    // D and DMin of 16 rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> ScalePairs<T>(byte* w, nint stride) where T : ISuperBlock
    {
        Vector512<int> v = SuperBlockGemv.FourScalePairs<T>(w, stride).ToVector256Unsafe().ToVector512Unsafe();
        v = Avx512F.InsertVector128(v, SuperBlockGemv.FourScalePairs<T>(w + 4 * stride, stride), 1);
        v = Avx512F.InsertVector128(v, SuperBlockGemv.FourScalePairs<T>(w + 8 * stride, stride), 2);
        return Avx512F.InsertVector128(v, SuperBlockGemv.FourScalePairs<T>(w + 12 * stride, stride), 3);
    }
}
