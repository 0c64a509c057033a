using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q8_0"/> with NEON.</summary>
internal readonly unsafe struct Q8_0_AdvSimd : IBlockGroupAdvSimd, IGroup<Q8_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        sbyte* q = ((Q8_0*)group + b)->Qs;
        v0 = AdvSimd.LoadVector128(q);
        v1 = AdvSimd.LoadVector128(q + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1) =>
        HalfFloatAdvSimd.Load8(&((Q8_0*)group)->D, Q8_0.Bytes, out d0, out d1);
}
