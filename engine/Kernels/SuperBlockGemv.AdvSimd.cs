using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>A super-block as NEON vectors; its values are within +-64 or, By16, any int8.</summary>
internal unsafe interface ISuperBlockAdvSimd
{
    /// <summary>Bytes of one super-block.</summary>
    static abstract int Bytes { get; }

    /// <summary>Whether a scale holds for 16 values, not 32.</summary>
    static abstract bool By16 { get; }

    /// <summary>Whether there are minimums.</summary>
    static abstract bool HasMin { get; }

    /// <summary>Scales and minimums of blocks 0..7 and, of 16, 8..15.</summary>
    static abstract void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1);

    /// <summary>Scales of the scales and of the minimums.</summary>
    static abstract (float D, float DMin) Factors(byte* w);

    /// <summary>Values 64i..64i+63.</summary>
    static abstract void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3);
}

/// <summary>Matrix times one token for the formats with super-blocks.</summary>
internal static unsafe class SuperBlockGemvAdvSimd<TFormat, TDot> where TFormat : struct, ISuperBlockAdvSimd where TDot : struct, IDotAdvSimd
{
    /// <summary>dst[r] for one token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gemv(MatMulArgs* a)
    {
        for (int r = 0; r < a->Rows; r++)
        {
            byte* w = a->W + (r * a->RowBytes), x = a->X;
            float acc = 0;
            for (int k = a->K; k > 0; k -= 256, w += TFormat.Bytes, x += a->XGroupStride) acc = Add(acc, w, x);
            a->Dst[r] = acc;
        }
    }

    /// <summary>One super-block's step of a dot product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float acc, byte* w, byte* x)
    {
        TFormat.Scales(w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1);
        var q = (sbyte*)x;
        Vector128<int> sum = Vector128<int>.Zero;
        TFormat.Quarter(w, 0, out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3);
        sum = TFormat.By16 ? By16(sum, v0, v1, v2, v3, q, s0, 0) : By32(sum, v0, v1, v2, v3, q, s0, 0);
        TFormat.Quarter(w, 1, out v0, out v1, out v2, out v3);
        sum = TFormat.By16 ? By16(sum, v0, v1, v2, v3, q + 64, s0, 4) : By32(sum, v0, v1, v2, v3, q + 64, s0, 2);
        TFormat.Quarter(w, 2, out v0, out v1, out v2, out v3);
        sum = TFormat.By16 ? By16(sum, v0, v1, v2, v3, q + 128, s1, 0) : By32(sum, v0, v1, v2, v3, q + 128, s0, 4);
        TFormat.Quarter(w, 3, out v0, out v1, out v2, out v3);
        sum = TFormat.By16 ? By16(sum, v0, v1, v2, v3, q + 192, s1, 4) : By32(sum, v0, v1, v2, v3, q + 192, s0, 6);

        (float d, float dmin) = TFormat.Factors(w);
        float dx = *(float*)(x + Q8_K.DOffset);
        if (!TFormat.HasMin) return Canonical.SuperBlock(acc, AdvSimd.Arm64.AddAcross(sum).ToScalar(), d, dx);

        Vector128<int> min;
        if (TFormat.By16)
        {
            var sums = (short*)(x + Q8_K.Sums16Offset);
            min = Products(Products(Vector128<int>.Zero, m0, AdvSimd.LoadVector128(sums)), m1, AdvSimd.LoadVector128(sums + 8));
        }
        else min = Products(Vector128<int>.Zero, m0, AdvSimd.LoadVector128((short*)(x + Q8_K.Sums32Offset)));
        sum = AdvSimd.Arm64.AddPairwise(sum, min);
        sum = AdvSimd.Arm64.AddPairwise(sum, sum);
        return Canonical.SuperBlock(acc, sum.ToScalar(), d, sum.GetElement(1), dmin, dx);
    }

#pragma warning disable CA1857 // The lanes are constant once this is inlined.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> By16(Vector128<int> sum, Vector128<sbyte> v0, Vector128<sbyte> v1, Vector128<sbyte> v2,
        Vector128<sbyte> v3, sbyte* q, Vector128<short> scales, [ConstantExpected] int lane)
    {
        sum = TDot.Add16(sum, v0, q, scales, (byte)lane);
        sum = TDot.Add16(sum, v1, q + 16, scales, (byte)(lane + 1));
        sum = TDot.Add16(sum, v2, q + 32, scales, (byte)(lane + 2));
        return TDot.Add16(sum, v3, q + 48, scales, (byte)(lane + 3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> By32(Vector128<int> sum, Vector128<sbyte> v0, Vector128<sbyte> v1, Vector128<sbyte> v2,
        Vector128<sbyte> v3, sbyte* q, Vector128<short> scales, [ConstantExpected] int lane) =>
        TDot.Add32(TDot.Add32(sum, v0, v1, q, scales, (byte)lane), v2, v3, q + 32, scales, (byte)(lane + 1));
#pragma warning restore CA1857

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Products(Vector128<int> acc, Vector128<short> m, Vector128<short> sums) =>
        AdvSimd.MultiplyWideningLowerAndAdd(AdvSimd.MultiplyWideningUpperAndAdd(acc, m, sums), m.GetLower(), sums.GetLower());
}
