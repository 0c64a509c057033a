using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>16 rows of one super-block, unpacked: a row a 32-bit lane, two vectors of 8 rows side by side. Values 4j..4j+3 of every row
/// as bytes at 64j (in nibbles, a block of 32 values is its low nibbles, then its high ones); then the scales, int16, each twice; then
/// minimums or offsets, two int16 a lane; then D and DMin as floats.</summary>
internal static unsafe class Tile256
{
    /// <summary>Offset of the scales: 8 of 32 values, or 16 of 16.</summary>
    public const int Scales = 8192;

    /// <summary>Offset of what multiplies the activations' sums: 4 or 8 pairs.</summary>
    public const int Pairs = Scales + 1024;

    /// <summary>Offset of D.</summary>
    public const int D = Pairs + 512;

    /// <summary>Offset of DMin.</summary>
    public const int DMin = D + 64;

    /// <summary>Offset of the memory that unpacking works in, from the first vector: 8 rows of 256 bytes, and 16 scales of each.</summary>
    public const int Work = DMin + 64;

    /// <summary>Size of all.</summary>
    public const int Bytes = Work + 32 + 2048 + 256;

    /// <summary>Unpacks 16 rows and prefetches the next 16, at <paramref name="next"/>, which may lie past the matrix.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unpack<T>(byte* w, byte* next, nint rowBytes, byte* tile) where T : ISuperBlock256
    {
        Eight<T>(w, next, rowBytes, tile);
        Eight<T>(w + (8 * rowBytes), next + (8 * rowBytes), rowBytes, tile + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight<T>(byte* w, byte* next, nint rowBytes, byte* tile) where T : ISuperBlock256
    {
        for (int r = 0; r < 8; r++, next += rowBytes)
        {
            Sse.Prefetch0(next);
            Sse.Prefetch0(next + 64);
            if (T.GroupBytes > 128) Sse.Prefetch0(next + 128);
            if (T.GroupBytes > 192) Sse.Prefetch0(next + 192);
        }
        T.EightRows(w, rowBytes, tile);
        Vector256<int> pairs = ScalePairs<T>(w, rowBytes);
        Vector256<float> d = T.HasMins ? HalfFloat.LowerToSingle(pairs) : HalfFloat.UpperToSingle(pairs);
        (T.Factor != 1 ? d * T.Factor : d).Store((float*)(tile + D));
        if (T.HasMins) HalfFloat.UpperToSingle(pairs).Store((float*)(tile + DMin));
    }

    /// <summary>Byte <paramref name="b"/> of every lane, zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Byte(Vector256<int> v, int b) => (v >>> (8 * b)) & Vector256.Create(255);

    /// <summary>Stores scale j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreScale(byte* tile, int j, Vector256<int> scale) => StorePair(tile + Scales - Pairs, j, scale, scale);

    /// <summary>Stores minimums or offsets 2j and 2j + 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePair(byte* tile, int j, Vector256<int> even, Vector256<int> odd) =>
        ((even & Vector256.Create(0xffff)) | (odd << 16)).Store((int*)(tile + Pairs + 64 * j));

    /// <summary>Stores the scales and minimums of Q4_K and Q5_K; each scale <paramref name="times"/> times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreScaleMins(byte* w, nint rowBytes, byte* tile, int times)
    {
        Transpose256.EightRows(w, rowBytes, out _, out Vector256<int> u0, out Vector256<int> u1, out Vector256<int> u2);
        Vector256<int> six = Vector256.Create(0x3f3f3f3f), four = Vector256.Create(0x0f0f0f0f), two = Vector256.Create(0x30303030);
        Vector256<int> s0 = u0 & six, s1 = (u2 & four) | ((u0 >>> 2) & two), m0 = u1 & six, m1 = ((u2 >>> 4) & four) | ((u1 >>> 2) & two);
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

    // D and DMin of eight rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> ScalePairs<T>(byte* w, nint stride) where T : ISuperBlock =>
        Avx2.InsertVector128(
            SuperBlockGemv.FourScalePairs<T>(w, stride).ToVector256Unsafe(), SuperBlockGemv.FourScalePairs<T>(w + 4 * stride, stride), 1);
}
