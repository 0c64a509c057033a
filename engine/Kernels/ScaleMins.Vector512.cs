using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Q4_K and Q5_K: a super-block begins with D, DMin and twelve bytes of packed scales and minimums.</summary>
internal unsafe interface IScaleMins512 : ISuperBlock512
{
    /// <summary><see cref="ISuperBlock512.Products"/> with the scales, eight words.</summary>
    static abstract Vector512<int> Products(byte* w, byte* x, Vector512<short> scales);
}

/// <summary>Four super-blocks whose scales and minimums are unpacked together, a super-block a 128-bit lane.</summary>
internal readonly unsafe struct FourScaleMins512<T> : IFourSuperBlocks512 where T : IScaleMins512
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Four(Vector128<float> acc, byte* w, byte* x, nint next)
    {
        byte* x1 = x + next, x2 = x1 + next, x3 = x2 + next;
        byte* w1 = w + T.Bytes, w2 = w + 2 * T.Bytes, w3 = w + 3 * T.Bytes;
        Vector512<byte> heads = Lanes(w, w1, w2, w3), scaleMins = ScaleMins(heads);
        SuperBlockGemv.Prefetch<T>(w);
        Vector512<int> v0 = T.Products(w, x, Words(scaleMins.GetLower().GetLower()));
        SuperBlockGemv.Prefetch<T>(w1);
        Vector512<int> v1 = T.Products(w1, x1, Words(scaleMins.GetLower().GetUpper()));
        Vector512<long> v01 = SuperBlockDot512.Pairs(v0, v1);
        SuperBlockGemv.Prefetch<T>(w2);
        v0 = T.Products(w2, x2, Words(scaleMins.GetUpper().GetLower()));
        SuperBlockGemv.Prefetch<T>(w3);
        v1 = T.Products(w3, x3, Words(scaleMins.GetUpper().GetUpper()));
        Vector128<int> isum = SuperBlockDot512.SumEach(v01, SuperBlockDot512.Pairs(v0, v1));

        Vector512<byte> sums = Lanes(x + Q8_K.Sums32Offset, x1 + Q8_K.Sums32Offset, x2 + Q8_K.Sums32Offset, x3 + Q8_K.Sums32Offset);
        Vector512<int> m = Avx512BW.MultiplyAddAdjacent(Avx512BW.UnpackHigh(scaleMins, Vector512<byte>.Zero).AsInt16(), sums.AsInt16());
        m += Avx512F.Shuffle(m, 0b10_11_00_01);
        m += Avx512F.Shuffle(m, 0b01_00_11_10);
        return SuperBlockGemv.FloatSteps<T>(acc, isum, First(m), First(heads.AsInt32()), x, next);
    }

    /// <summary>Bytes 0..7 of each lane: scales; 8..15: minimums (see <see cref="Q4_K.ScaleMin"/>). With the packed dwords u0, u1, u2 the
    /// lane's dwords are u0, u2, u1, u2 (shifted by 4) for the low bits and u0, u1 for the high bits of the second and the fourth.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> ScaleMins(Vector512<byte> heads)
    {
        Vector512<uint> low = Avx512F.Shuffle(heads.AsUInt32(), 0b11_10_11_01), high = Avx512F.Shuffle(heads.AsUInt32(), 0b10_10_01_01);
        low = Avx512F.ShiftRightLogicalVariable(low, Vector512.Create(0u, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4)) & Vector512.Create(
            0x0f0f0f0f_3f3f3f3ful, 0x0f0f0f0f_3f3f3f3f, 0x0f0f0f0f_3f3f3f3f, 0x0f0f0f0f_3f3f3f3f,
            0x0f0f0f0f_3f3f3f3f, 0x0f0f0f0f_3f3f3f3f, 0x0f0f0f0f_3f3f3f3f, 0x0f0f0f0f_3f3f3f3f).AsUInt32();
        return (low | ((high >>> 2) & Vector512.Create(0x30303030_00000000ul).AsUInt32())).AsByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Words(Vector128<byte> scales) => Sse41.ConvertToVector128Int16(scales).ToVector256Unsafe().ToVector512Unsafe();

    // The first dword of each lane.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> First(Vector512<int> v) =>
        Avx512F.PermuteVar16x32(v, Vector512.Create(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12)).GetLower().GetLower();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Lanes(byte* a, byte* b, byte* c, byte* d)
    {
        Vector512<byte> v = Avx512F.InsertVector128(Vector128.Load(a).ToVector256Unsafe().ToVector512Unsafe(), Vector128.Load(b), 1);
        return Avx512F.InsertVector128(Avx512F.InsertVector128(v, Vector128.Load(c), 2), Vector128.Load(d), 3);
    }
}
