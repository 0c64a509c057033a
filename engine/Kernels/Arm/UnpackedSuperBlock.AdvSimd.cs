using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>A row's super-block, unpacked: what a Gemm without dot-product instructions reads again for every token.</summary>
internal unsafe struct UnpackedSuperBlock
{
    /// <summary>Values.</summary>
    public fixed sbyte Qs[256];

    /// <summary>Block scales: 16, or 8 and zeros.</summary>
    public fixed short Scales[16];

    /// <summary>Block minimums, if the format has them.</summary>
    public fixed short Mins[16];

    /// <summary>Unpacks the super-block at <paramref name="w"/>, but for its factors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack<TFormat>(byte* w, UnpackedSuperBlock* block) where TFormat : struct, ISuperBlockAdvSimd
    {
        TFormat.Scales(w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1);
        AdvSimd.Store(block->Scales, s0);
        AdvSimd.Store(block->Scales + 8, s1);
        AdvSimd.Store(block->Mins, m0);
        AdvSimd.Store(block->Mins + 8, m1);
        TFormat.Quarter(w, 0, out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3);
        Store(block->Qs, v0, v1, v2, v3);
        TFormat.Quarter(w, 1, out v0, out v1, out v2, out v3);
        Store(block->Qs + 64, v0, v1, v2, v3);
        TFormat.Quarter(w, 2, out v0, out v1, out v2, out v3);
        Store(block->Qs + 128, v0, v1, v2, v3);
        TFormat.Quarter(w, 3, out v0, out v1, out v2, out v3);
        Store(block->Qs + 192, v0, v1, v2, v3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(sbyte* q, Vector128<sbyte> v0, Vector128<sbyte> v1, Vector128<sbyte> v2, Vector128<sbyte> v3)
    {
        AdvSimd.Store(q, v0);
        AdvSimd.Store(q + 16, v1);
        AdvSimd.Store(q + 32, v2);
        AdvSimd.Store(q + 48, v3);
    }
}

/// <summary>Reads the <see cref="UnpackedSuperBlock"/>s of four rows, which d and dmin of each follow.</summary>
internal readonly unsafe struct UnpackedSuperBlock<TFormat> : ISuperBlockAdvSimd where TFormat : struct, ISuperBlockAdvSimd
{
    public static int GroupBytes => sizeof(UnpackedSuperBlock);

    public static bool ScalesPer16 => TFormat.ScalesPer16;

    public static bool HasMins => TFormat.HasMins;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        var block = (UnpackedSuperBlock*)w;
        s0 = AdvSimd.LoadVector128(block->Scales);
        s1 = AdvSimd.LoadVector128(block->Scales + 8);
        m0 = AdvSimd.LoadVector128(block->Mins);
        m1 = AdvSimd.LoadVector128(block->Mins + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = AdvSimd.LoadVector128((float*)(w0 + (4 * GroupBytes)));
        dmin = HasMins ? AdvSimd.LoadVector128((float*)(w0 + (4 * GroupBytes)) + 4) : default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        v0 = AdvSimd.LoadVector128(((UnpackedSuperBlock*)w)->Qs + (64 * i));
        v1 = AdvSimd.LoadVector128(((UnpackedSuperBlock*)w)->Qs + (64 * i) + 16);
        v2 = AdvSimd.LoadVector128(((UnpackedSuperBlock*)w)->Qs + (64 * i) + 32);
        v3 = AdvSimd.LoadVector128(((UnpackedSuperBlock*)w)->Qs + (64 * i) + 48);
    }
}
