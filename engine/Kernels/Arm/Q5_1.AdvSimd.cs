using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q5_1"/> with NEON.</summary>
internal readonly unsafe struct Q5_1_AdvSimd : IBlockGroupAdvSimd, IGroup<Q5_1>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        Q5_1* w = (Q5_1*)group + b;
        Vector128<byte> q = AdvSimd.LoadVector128(w->Qs);
        Q5_0_AdvSimd.BitMasks(Q5_0_AdvSimd.Word(w->Qh), out Vector128<byte> b0, out Vector128<byte> b1);
        v1 = (AdvSimd.ShiftRightAndInsert(b1, q, 4) & Vector128.Create((byte)31)).AsSByte();
        v0 = (AdvSimd.ShiftLeftAndInsert(q, b0, 4) & Vector128.Create((byte)31)).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1) =>
        HalfFloatAdvSimd.Load8(&((Q5_1*)group)->D, Q5_1.Bytes, out d0, out d1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Mins(byte* group, out Vector128<float> m0, out Vector128<float> m1) =>
        HalfFloatAdvSimd.Load8(&((Q5_1*)group)->M, Q5_1.Bytes, out m0, out m1);
}
