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

    /// <summary>The 32 values of block b.</summary>
    static abstract void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1);

    /// <summary>The blocks' scales.</summary>
    static abstract void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1);

    /// <summary>The blocks' minimums.</summary>
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
                if (k < 256) w = UnpackedGroup.Pad(w, k / 32 * (TFormat.Bytes / 8), padded);
                acc = Add(acc, w, x);
            }
            a->Dst[r] = acc;
        }
    }

    /// <summary>One group's step of a dot product.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float acc, byte* w, byte* x)
    {
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
        Vector128<float> tree = AdvSimd.Arm64.AddPairwise(p0, p1); // as Canonical.Group
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
