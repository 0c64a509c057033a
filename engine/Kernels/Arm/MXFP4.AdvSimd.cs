using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="MXFP4"/> with NEON.</summary>
internal readonly unsafe struct MXFP4_AdvSimd : IBlockGroupAdvSimd, IGroup<MXFP4>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        Vector128<byte> q = AdvSimd.LoadVector128(((MXFP4*)group + b)->Qs);
        Vector128<sbyte> levels = Levels;
        v0 = AdvSimd.Arm64.VectorTableLookup(levels, (q & Vector128.Create((byte)15)).AsSByte());
        v1 = AdvSimd.Arm64.VectorTableLookup(levels, (q >>> 4).AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1)
    {
        var w = (MXFP4*)group;
        d0 = ToSingle(Vector128.Create(w[0].E, w[1].E, w[2].E, w[3].E));
        d1 = ToSingle(Vector128.Create(w[4].E, w[5].E, w[6].E, w[7].E));
    }

    /// <summary><see cref="MXFP4.Values"/>.</summary>
    public static Vector128<sbyte> Levels
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create(0x0c08060403020100ul, 0xf4f8fafcfdfeff00).AsSByte();
    }

    // MXFP4.Scale: 0x00200000 shifted by an exponent under 2, else the exponent less 1 in its place.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ToSingle(Vector128<int> e)
    {
        Vector128<int> normal = (e - Vector128<int>.One) << 23, subnormal = (e + Vector128<int>.One) << 21;
        return Vector128.ConditionalSelect(Vector128.LessThan(e, Vector128.Create(2)), subnormal, normal).AsSingle();
    }
}
