using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q1_0"/> with NEON.</summary>
internal readonly unsafe struct Q1_0_AdvSimd : IBlockGroupAdvSimd, IGroup<Q1_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        byte* q = ((Q1_0*)group)[b / 4].Qs + (4 * (b % 4));
        Q5_0_AdvSimd.BitMasks(Q5_0_AdvSimd.Word(q), out Vector128<byte> b0, out Vector128<byte> b1);
        // All ones or zeros: 1 or -1.
        v0 = (Vector128.Create(byte.MaxValue) - b0 - b0).AsSByte();
        v1 = (Vector128.Create(byte.MaxValue) - b1 - b1).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1)
    {
        d0 = Vector128.Create(HalfFloat.ToSingle(((Q1_0*)group)[0].D));
        d1 = Vector128.Create(HalfFloat.ToSingle(((Q1_0*)group)[1].D));
    }
}
