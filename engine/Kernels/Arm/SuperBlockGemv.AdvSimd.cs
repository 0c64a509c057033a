using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>A super-block as NEON vectors. Its values are within +-64, or any int8 with <see cref="IGroup.ScalesPer16"/>.</summary>
internal unsafe interface ISuperBlockAdvSimd : IGroup
{
    /// <summary>Scales and minimums of blocks 0..7 and, of 16, 8..15.</summary>
    static abstract void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1);

    /// <summary>Scales of the scales and of the minimums of four rows' blocks.</summary>
    static abstract void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin);

    /// <summary>Values 64i..64i+63.</summary>
    static abstract void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3);
}

/// <summary>Matrix times one token for the formats with super-blocks, four rows at a time, whose float steps share vectors. Addresses of
/// loads are sums of a local and a constant, which become part of the instruction.</summary>
internal readonly unsafe struct SuperBlockGemvAdvSimd<TFormat, TDot> : IGemv where TFormat : struct, ISuperBlockAdvSimd where TDot : struct, IDotAdvSimd
{
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(MatMulArgs* a)
    {
        Vector128<int>* sums = stackalloc Vector128<int>[4];
        for (int r = 0, rows; r < a->Rows; r += rows)
        {
            // The last few one by one, each as four rows at the same place.
            rows = a->Rows - r < 4 ? 1 : 4;
            nint stride = rows < 4 ? 0 : a->RowBytes;
            byte* w = a->W + (r * a->RowBytes), x = a->X;
            Vector128<float> acc = Vector128<float>.Zero;
            for (int k = a->K; k > 0; k -= 256, w += TFormat.GroupBytes, x += a->XGroupStride) acc = Add(acc, w, stride, x, sums);
            if (rows < 4) a->Dst[r] = acc.ToScalar();
            else AdvSimd.Store(a->Dst + r, acc);
        }
    }

    /// <summary>One super-block's step of the dot products of four rows, <paramref name="stride"/> bytes apart, as
    /// <see cref="Canonical"/>; <paramref name="sums"/> is room for four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> acc, byte* w, nint stride, byte* x, Vector128<int>* sums)
    {
        // A loop, though written out it would load x once: the code generator stops inlining where a method becomes too large.
        byte* row = w;
        for (int r = 0; r < 4; r++, row += stride) sums[r] = Row(row, x);
        TFormat.Factors(w, w + stride, w + (2 * stride), w + (3 * stride), out Vector128<float> d, out Vector128<float> dmin);
        Vector128<int> first = AdvSimd.Arm64.AddPairwise(sums[0], sums[1]), last = AdvSimd.Arm64.AddPairwise(sums[2], sums[3]);
        Vector128<int> isum = TFormat.HasMins ? AdvSimd.Arm64.UnzipEven(first, last) : AdvSimd.Arm64.AddPairwise(first, last);
        Vector128<float> f = AdvSimd.ConvertToSingle(isum) * d;
        if (TFormat.HasMins) f = AdvSimd.FusedMultiplySubtract(f, AdvSimd.ConvertToSingle(AdvSimd.Arm64.UnzipOdd(first, last)), dmin);
        return AdvSimd.Arm64.FusedMultiplyAddByScalar(acc, f, Vector64.CreateScalarUnsafe(*(float*)(x + Q8_K.DOffset)));
    }

    // A row's products, scaled: four parts of their sum, or two and two of the minimums'.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Row(byte* w, byte* x)
    {
        TFormat.Scales(w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1);
        Vector128<int> min = default;
        if (TFormat.HasMins)
        {
            Vector128<short> sums = AdvSimd.LoadVector128((short*)(x + (TFormat.ScalesPer16 ? Q8_K.Sums16Offset : Q8_K.Sums32Offset)));
            min = AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningUpper(m0, sums), m0.GetLower(), sums.GetLower());
            if (TFormat.ScalesPer16)
            {
                sums = AdvSimd.LoadVector128((short*)(x + Q8_K.Sums16Offset + 16));
                min = AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningUpperAndAdd(min, m1, sums), m1.GetLower(), sums.GetLower());
            }
        }
        var q = (sbyte*)x;
        Vector128<int> sum = Vector128<int>.Zero;
        TFormat.Quarter(w, 0, out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3);
        sum = TFormat.ScalesPer16 ? AddPer16(sum, v0, v1, v2, v3, q, 0, s0, 0) : AddPer32(sum, v0, v1, v2, v3, q, 0, s0, 0);
        TFormat.Quarter(w, 1, out v0, out v1, out v2, out v3);
        sum = TFormat.ScalesPer16 ? AddPer16(sum, v0, v1, v2, v3, q, 64, s0, 4) : AddPer32(sum, v0, v1, v2, v3, q, 64, s0, 2);
        TFormat.Quarter(w, 2, out v0, out v1, out v2, out v3);
        sum = TFormat.ScalesPer16 ? AddPer16(sum, v0, v1, v2, v3, q, 128, s1, 0) : AddPer32(sum, v0, v1, v2, v3, q, 128, s0, 4);
        TFormat.Quarter(w, 3, out v0, out v1, out v2, out v3);
        sum = TFormat.ScalesPer16 ? AddPer16(sum, v0, v1, v2, v3, q, 192, s1, 4) : AddPer32(sum, v0, v1, v2, v3, q, 192, s0, 6);
        return TFormat.HasMins ? AdvSimd.Arm64.AddPairwise(sum, min) : sum;
    }

#pragma warning disable CA1857 // Offsets and lanes are constant once this is inlined.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> AddPer16(Vector128<int> sum, Vector128<sbyte> v0, Vector128<sbyte> v1, Vector128<sbyte> v2,
        Vector128<sbyte> v3, sbyte* q, [ConstantExpected] int at, Vector128<short> scales, [ConstantExpected] int lane)
    {
        sum = TDot.Add16(sum, v0, q, at, scales, (byte)lane);
        sum = TDot.Add16(sum, v1, q, at + 16, scales, (byte)(lane + 1));
        sum = TDot.Add16(sum, v2, q, at + 32, scales, (byte)(lane + 2));
        return TDot.Add16(sum, v3, q, at + 48, scales, (byte)(lane + 3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> AddPer32(Vector128<int> sum, Vector128<sbyte> v0, Vector128<sbyte> v1, Vector128<sbyte> v2,
        Vector128<sbyte> v3, sbyte* q, [ConstantExpected] int at, Vector128<short> scales, [ConstantExpected] int lane) =>
        TDot.Add32(TDot.Add32(sum, v0, v1, q, at, scales, (byte)lane), v2, v3, q, at + 32, scales, (byte)(lane + 1));
#pragma warning restore CA1857
}
