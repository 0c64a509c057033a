using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q2_0"/> with NEON.</summary>
internal readonly unsafe struct Q2_0_AdvSimd : IBlockGroupAdvSimd, IGroup<Q2_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        byte* q = ((Q2_0*)group)[b / 2].Qs + (8 * (b % 2));
        Vector128<byte> eight = AdvSimd.LoadVector64(q).ToVector128Unsafe();
        v0 = Spread(eight, Vector128.Create(0x0101010100000000ul, 0x0303030302020202));
        v1 = Spread(eight, Vector128.Create(0x0505050504040404ul, 0x0707070706060606));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1)
    {
        var w = (Q2_0*)group;
        Vector64<float> low = Vector64.Create(HalfFloat.ToSingle(w[0].D)), high = Vector64.Create(HalfFloat.ToSingle(w[2].D));
        d0 = Vector128.Create(low, Vector64.Create(HalfFloat.ToSingle(w[1].D)));
        d1 = Vector128.Create(high, Vector64.Create(HalfFloat.ToSingle(w[3].D)));
    }

    // Each of four bytes four times, shifted by 0, 2, 4 and 6; two bits of it, less 1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Spread(Vector128<byte> eight, Vector128<ulong> at)
    {
        Vector128<byte> q = AdvSimd.Arm64.VectorTableLookup(eight, at.AsByte());
        q = AdvSimd.ShiftLogical(q, Vector128.Create(0xfafcfe00fafcfe00ul).AsSByte()) & Vector128.Create((byte)3);
        return (q - Vector128<byte>.One).AsSByte();
    }
}
