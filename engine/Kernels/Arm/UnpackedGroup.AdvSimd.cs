using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>A row's group of eight blocks, unpacked: what a Gemm without dot-product instructions reads again for every token.</summary>
internal unsafe struct UnpackedGroup
{
    /// <summary>The most bytes a packed group has.</summary>
    public const int MaxBytes = 8 * Q8_0.Bytes;

    /// <summary>Values.</summary>
    public fixed sbyte Qs[256];

    /// <summary>Scales.</summary>
    public fixed float D[8];

    /// <summary>Minimums, or scales of the blocks' second halves, if the format has them.</summary>
    public fixed float M[8];

    /// <summary>Unpacks the group at <paramref name="w"/>, of which the row has <paramref name="k"/> values (at most 256).</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack<TFormat>(byte* w, int k, UnpackedGroup* group) where TFormat : struct, IBlockGroupAdvSimd
    {
        byte* padded = stackalloc byte[MaxBytes];
        if (k < 256) w = Pad(w, k * TFormat.GroupBytes / 256, padded);
        for (int b = 0; b < 8; b++)
        {
            TFormat.Block(w, b, out Vector128<sbyte> v0, out Vector128<sbyte> v1);
            AdvSimd.Store(group->Qs + (32 * b), v0);
            AdvSimd.Store(group->Qs + (32 * b) + 16, v1);
        }
        TFormat.Scales(w, out Vector128<float> d0, out Vector128<float> d1);
        AdvSimd.Store(group->D, d0);
        AdvSimd.Store(group->D + 4, d1);
        if (!TFormat.HasMins && !TFormat.ScalesPer16) return;
        TFormat.Mins(w, out d0, out d1);
        AdvSimd.Store(group->M, d0);
        AdvSimd.Store(group->M + 4, d1);
    }

    /// <summary>The last blocks of a row, followed by zeros: a group may not be read beyond its row.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static byte* Pad(byte* w, int bytes, byte* padded)
    {
        new ReadOnlySpan<byte>(w, bytes).CopyTo(new Span<byte>(padded, MaxBytes));
        new Span<byte>(padded, MaxBytes)[bytes..].Clear();
        return padded;
    }
}

/// <summary>Reads an <see cref="UnpackedGroup"/> of a format.</summary>
internal readonly unsafe struct UnpackedGroup<TFormat> : IBlockGroupAdvSimd where TFormat : struct, IBlockGroupAdvSimd
{
    public static int GroupBytes => sizeof(UnpackedGroup);

    public static bool HasMins => TFormat.HasMins;

    public static bool ScalesPer16 => TFormat.ScalesPer16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        sbyte* q = ((UnpackedGroup*)group)->Qs + (32 * b);
        v0 = AdvSimd.LoadVector128(q);
        v1 = AdvSimd.LoadVector128(q + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1)
    {
        d0 = AdvSimd.LoadVector128(((UnpackedGroup*)group)->D);
        d1 = AdvSimd.LoadVector128(((UnpackedGroup*)group)->D + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Mins(byte* group, out Vector128<float> m0, out Vector128<float> m1)
    {
        m0 = AdvSimd.LoadVector128(((UnpackedGroup*)group)->M);
        m1 = AdvSimd.LoadVector128(((UnpackedGroup*)group)->M + 4);
    }
}
