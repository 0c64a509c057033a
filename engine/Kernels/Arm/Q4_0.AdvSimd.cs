using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q4_0"/> with NEON.</summary>
internal readonly unsafe struct Q4_0_AdvSimd : IBlockGroupAdvSimd, IGroup<Q4_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        Vector128<byte> q = AdvSimd.LoadVector128(((Q4_0*)group + b)->Qs);
        v0 = (q & Vector128.Create((byte)15)).AsSByte() - Vector128.Create((sbyte)8);
        v1 = (q >>> 4).AsSByte() - Vector128.Create((sbyte)8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1) =>
        HalfFloatAdvSimd.Load8(&((Q4_0*)group)->D, Q4_0.Bytes, out d0, out d1);
}
