using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>A group of eight blocks of 32 as NEON vectors.</summary>
internal unsafe interface IBlockGroupAdvSimd : IGroup
{
    /// <summary>The 32 values of block b.</summary>
    static abstract void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1);

    /// <summary>The blocks' scales.</summary>
    static abstract void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1);

    /// <summary>The blocks' minimums, or the scales of their second halves.</summary>
    static virtual void Mins(byte* group, out Vector128<float> m0, out Vector128<float> m1) => m0 = m1 = default;
}

/// <summary>Matrix times one token for the formats with blocks of 32, four rows at a time: their sums share vectors.</summary>
internal readonly unsafe struct BlockGemvAdvSimd<TFormat, TDot> : IGemv where TFormat : struct, IBlockGroupAdvSimd where TDot : struct, IDotAdvSimd
{
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(MatMulArgs* a)
    {
        byte* padded = stackalloc byte[4 * UnpackedGroup.MaxBytes];
        Vector128<float>* terms = stackalloc Vector128<float>[4];
        for (int r = 0, rows; r < a->Rows; r += rows)
        {
            // The last few one by one, each as four rows at the same place.
            rows = a->Rows - r < 4 ? 1 : 4;
            nint stride = rows < 4 ? 0 : a->RowBytes;
            byte* w = a->W + (r * a->RowBytes), x = a->X;
            Vector128<float> acc = Vector128<float>.Zero;
            for (int k = a->K; k > 0; k -= 256, w += TFormat.GroupBytes, x += a->XGroupStride)
            {
                if (k < 256)
                {
                    for (int i = 0; i < 4; i++) UnpackedGroup.Pad(w + (i * stride), k * TFormat.GroupBytes / 256, padded + (i * UnpackedGroup.MaxBytes));
                    w = padded;
                    stride = UnpackedGroup.MaxBytes;
                }
                acc = Add(acc, w, stride, x, terms);
            }
            if (rows < 4) a->Dst[r] = acc.ToScalar();
            else AdvSimd.Store(a->Dst + r, acc);
        }
    }

    /// <summary>One group's step of the dot products of four rows, <paramref name="stride"/> bytes apart, as Canonical.Group;
    /// <paramref name="terms"/> is room for four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> acc, byte* w, nint stride, byte* x, Vector128<float>* terms)
    {
        for (int r = 0; r < 4; r++, w += stride) terms[r] = Row(w, x);
        return acc + AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(terms[0], terms[1]), AdvSimd.Arm64.AddPairwise(terms[2], terms[3]));
    }

    // The sums of a row's neighbouring terms: blocks 0 and 1, 2 and 3, ...
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Row(byte* w, byte* x)
    {
        var q = (sbyte*)x;
        TFormat.Scales(w, out Vector128<float> d0, out Vector128<float> d1);
        Vector128<float> dx0 = AdvSimd.LoadVector128((float*)(x + Q8_32.DOffset)), dx1 = AdvSimd.LoadVector128((float*)(x + Q8_32.DOffset) + 4);
        Vector128<float> p0, p1;
        if (TFormat.ScalesPer16)
        {
            TFormat.Mins(w, out Vector128<float> e0, out Vector128<float> e1);
            p0 = FourBlocksPer16(w, q, 0, d0, e0, dx0);
            p1 = FourBlocksPer16(w, q, 4, d1, e1, dx1);
        }
        else
        {
            p0 = FourBlocks(w, q, 0, d0, dx0);
            p1 = FourBlocks(w, q, 4, d1, dx1);
        }
        if (TFormat.HasMins)
        {
            TFormat.Mins(w, out Vector128<float> m0, out Vector128<float> m1);
            Vector128<int> sums0 = AdvSimd.LoadVector128((int*)(x + Q8_32.SumsOffset));
            Vector128<int> sums1 = AdvSimd.LoadVector128((int*)(x + Q8_32.SumsOffset) + 4);
            p0 = AdvSimd.FusedMultiplyAdd(p0, m0, dx0 * AdvSimd.ConvertToSingle(sums0));
            p1 = AdvSimd.FusedMultiplyAdd(p1, m1, dx1 * AdvSimd.ConvertToSingle(sums1));
        }
        return AdvSimd.Arm64.AddPairwise(p0, p1);
    }

    // The p of four blocks, without minimums.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> FourBlocks(byte* w, sbyte* q, int b, Vector128<float> d, Vector128<float> dx)
    {
        Vector128<int> isum = AdvSimd.Arm64.AddPairwise(
            AdvSimd.Arm64.AddPairwise(Dot(w, q, b), Dot(w, q, b + 1)), AdvSimd.Arm64.AddPairwise(Dot(w, q, b + 2), Dot(w, q, b + 3)));
        return AdvSimd.ConvertToSingle(isum) * d * dx;
    }

    // The p of four blocks whose halves have scales d and e.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> FourBlocksPer16(byte* w, sbyte* q, int b, Vector128<float> d, Vector128<float> e, Vector128<float> dx)
    {
        DotHalves(w, q, b, out Vector128<int> f0, out Vector128<int> s0);
        DotHalves(w, q, b + 1, out Vector128<int> f1, out Vector128<int> s1);
        DotHalves(w, q, b + 2, out Vector128<int> f2, out Vector128<int> s2);
        DotHalves(w, q, b + 3, out Vector128<int> f3, out Vector128<int> s3);
        Vector128<int> first = AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(f0, f1), AdvSimd.Arm64.AddPairwise(f2, f3));
        Vector128<int> second = AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(s0, s1), AdvSimd.Arm64.AddPairwise(s2, s3));
        return (AdvSimd.ConvertToSingle(first) * d * dx) + (AdvSimd.ConvertToSingle(second) * e * dx);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DotHalves(byte* w, sbyte* q, int b, out Vector128<int> first, out Vector128<int> second)
    {
        TFormat.Block(w, b, out Vector128<sbyte> v0, out Vector128<sbyte> v1);
        first = TDot.Dot16(v0, q, 32 * b);
        second = TDot.Dot16(v1, q, (32 * b) + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Dot(byte* w, sbyte* q, int b)
    {
        TFormat.Block(w, b, out Vector128<sbyte> v0, out Vector128<sbyte> v1);
        return TDot.Dot32(v0, v1, q, 32 * b);
    }
}
