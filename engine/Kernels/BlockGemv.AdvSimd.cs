using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>A group of eight blocks of 32 as NEON vectors.</summary>
internal unsafe interface IBlockGroupAdvSimd
{
    /// <summary>Bytes of the group.</summary>
    static abstract int Bytes { get; }

    /// <summary>Whether there are minimums.</summary>
    static abstract bool HasMin { get; }

    /// <summary>Whether the second half of a block has a scale of its own, in the place of a minimum.</summary>
    static virtual bool By16 => false;

    /// <summary>The 32 values of block b.</summary>
    static abstract void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1);

    /// <summary>The blocks' scales.</summary>
    static abstract void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1);

    /// <summary>The blocks' minimums, or the scales of their second halves.</summary>
    static abstract void Mins(byte* group, out Vector128<float> m0, out Vector128<float> m1);
}

/// <summary>Matrix times one token for the formats with blocks of 32.</summary>
internal static unsafe class BlockGemvAdvSimd<TFormat, TDot> where TFormat : struct, IBlockGroupAdvSimd where TDot : struct, IDotAdvSimd
{
    /// <summary>dst[r] for one token.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gemv(MatMulArgs* a)
    {
        byte* padded = stackalloc byte[UnpackedGroup.MaxBytes];
        for (int r = 0; r < a->Rows; r++)
        {
            byte* w = a->W + (r * a->RowBytes), x = a->X;
            float acc = 0;
            for (int k = a->K; k > 0; k -= 256, w += TFormat.Bytes, x += a->XGroupStride)
            {
                if (k < 256) w = UnpackedGroup.Pad(w, k * TFormat.Bytes / 256, padded);
                acc = Add(acc, w, x);
            }
            a->Dst[r] = acc;
        }
    }

    /// <summary>One group's step of a dot product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float acc, byte* w, byte* x)
    {
        if (TFormat.By16) return AddHalves(acc, w, x);
        var q = (sbyte*)x;
        Vector128<int> low = AdvSimd.Arm64.AddPairwise(
            AdvSimd.Arm64.AddPairwise(Dot(w, q, 0), Dot(w, q, 1)), AdvSimd.Arm64.AddPairwise(Dot(w, q, 2), Dot(w, q, 3)));
        Vector128<int> high = AdvSimd.Arm64.AddPairwise(
            AdvSimd.Arm64.AddPairwise(Dot(w, q, 4), Dot(w, q, 5)), AdvSimd.Arm64.AddPairwise(Dot(w, q, 6), Dot(w, q, 7)));

        TFormat.Scales(w, out Vector128<float> d0, out Vector128<float> d1);
        var dx = (float*)(x + Q8_0x8.DOffset);
        Vector128<float> dx0 = AdvSimd.LoadVector128(dx), dx1 = AdvSimd.LoadVector128(dx + 4);
        Vector128<float> p0 = AdvSimd.ConvertToSingle(low) * d0 * dx0, p1 = AdvSimd.ConvertToSingle(high) * d1 * dx1;
        if (TFormat.HasMin)
        {
            TFormat.Mins(w, out Vector128<float> m0, out Vector128<float> m1);
            var sums = (int*)(x + Q8_0x8.SumsOffset);
            p0 = AdvSimd.FusedMultiplyAdd(p0, m0, dx0 * AdvSimd.ConvertToSingle(AdvSimd.LoadVector128(sums)));
            p1 = AdvSimd.FusedMultiplyAdd(p1, m1, dx1 * AdvSimd.ConvertToSingle(AdvSimd.LoadVector128(sums + 4)));
        }
        return AddGroup(acc, p0, p1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float AddHalves(float acc, byte* w, byte* x)
    {
        var q = (sbyte*)x;
        TFormat.Scales(w, out Vector128<float> d0, out Vector128<float> d1);
        TFormat.Mins(w, out Vector128<float> e0, out Vector128<float> e1);
        var dx = (float*)(x + Q8_0x8.DOffset);
        return AddGroup(acc, Halves(w, q, 0, d0, e0, AdvSimd.LoadVector128(dx)), Halves(w, q, 4, d1, e1, AdvSimd.LoadVector128(dx + 4)));
    }

    // The p of four blocks whose halves have scales d and e.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Halves(byte* w, sbyte* q, int b, Vector128<float> d, Vector128<float> e, Vector128<float> dx)
    {
        Halves(w, q, b, out Vector128<int> f0, out Vector128<int> s0);
        Halves(w, q, b + 1, out Vector128<int> f1, out Vector128<int> s1);
        Halves(w, q, b + 2, out Vector128<int> f2, out Vector128<int> s2);
        Halves(w, q, b + 3, out Vector128<int> f3, out Vector128<int> s3);
        Vector128<int> first = AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(f0, f1), AdvSimd.Arm64.AddPairwise(f2, f3));
        Vector128<int> second = AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(s0, s1), AdvSimd.Arm64.AddPairwise(s2, s3));
        return (AdvSimd.ConvertToSingle(first) * d * dx) + (AdvSimd.ConvertToSingle(second) * e * dx);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Halves(byte* w, sbyte* q, int b, out Vector128<int> first, out Vector128<int> second)
    {
        TFormat.Block(w, b, out Vector128<sbyte> v0, out Vector128<sbyte> v1);
        first = TDot.Dot16(v0, q + (32 * b));
        second = TDot.Dot16(v1, q + (32 * b) + 16);
    }

    // As Canonical.Group.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float AddGroup(float acc, Vector128<float> p0, Vector128<float> p1)
    {
        Vector128<float> tree = AdvSimd.Arm64.AddPairwise(p0, p1);
        tree = AdvSimd.Arm64.AddPairwise(tree, tree);
        return acc + (tree.ToScalar() + tree.GetElement(1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Dot(byte* w, sbyte* q, int b)
    {
        TFormat.Block(w, b, out Vector128<sbyte> v0, out Vector128<sbyte> v1);
        return TDot.Dot32(v0, v1, q + (32 * b));
    }
}
