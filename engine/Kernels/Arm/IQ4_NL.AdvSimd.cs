using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ4_NL"/> with NEON.</summary>
internal readonly unsafe struct IQ4_NL_AdvSimd : IBlockGroupAdvSimd, IGroup<IQ4_NL>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        Levels(AdvSimd.LoadVector128(((IQ4_NL*)group + b)->Qs), out v0, out v1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1)
    {
        HalfFloatAdvSimd.Load8(&((IQ4_NL*)group)->D, IQ4_NL.Bytes, out d0, out d1);
    }

    /// <summary>The levels that low and high nibbles name.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Levels(Vector128<byte> q, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        // IQ4_NL.Values.
        Vector128<sbyte> levels = Vector128.Create(0xf6eaddcfbfad9881ul, 0x7159453526190d01).AsSByte();
        v0 = AdvSimd.Arm64.VectorTableLookup(levels, (q & Vector128.Create((byte)15)).AsSByte());
        v1 = AdvSimd.Arm64.VectorTableLookup(levels, (q >>> 4).AsSByte());
    }
}
