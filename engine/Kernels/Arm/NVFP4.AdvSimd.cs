using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="NVFP4"/> with NEON.</summary>
internal readonly unsafe struct NVFP4_AdvSimd : IBlockGroupAdvSimd, IGroup<NVFP4>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(byte* group, int b, out Vector128<sbyte> v0, out Vector128<sbyte> v1)
    {
        // Eight bytes serve 16 values: low nibbles, then high ones.
        Vector128<byte> q = AdvSimd.LoadVector128(((NVFP4*)group)[b / 2].Qs + (16 * (b % 2)));
        Vector128<ulong> low = (q & Vector128.Create((byte)15)).AsUInt64(), high = (q >>> 4).AsUInt64();
        Vector128<sbyte> levels = MXFP4_AdvSimd.Levels;
        v0 = AdvSimd.Arm64.VectorTableLookup(levels, AdvSimd.Arm64.ZipLow(low, high).AsSByte());
        v1 = AdvSimd.Arm64.VectorTableLookup(levels, AdvSimd.Arm64.ZipHigh(low, high).AsSByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector128<float> d0, out Vector128<float> d1)
    {
        Vector128<ushort> pairs = Pairs(group) & Vector128.Create((ushort)0xff);
        d0 = ToSingle(AdvSimd.ZeroExtendWideningLower(pairs.GetLower()).AsInt32());
        d1 = ToSingle(AdvSimd.ZeroExtendWideningUpper(pairs).AsInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Mins(byte* group, out Vector128<float> m0, out Vector128<float> m1)
    {
        Vector128<ushort> pairs = Pairs(group) >>> 8;
        m0 = ToSingle(AdvSimd.ZeroExtendWideningLower(pairs.GetLower()).AsInt32());
        m1 = ToSingle(AdvSimd.ZeroExtendWideningUpper(pairs).AsInt32());
    }

    // Both scales of each block of 32.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Pairs(byte* group) =>
        Vector128.Create(*(uint*)group, *(uint*)(group + 36), *(uint*)(group + 72), *(uint*)(group + 108)).AsUInt16();

    // NVFP4.Scale.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ToSingle(Vector128<int> d)
    {
        Vector128<int> bits = d & Vector128.Create(0x7f), normal = (bits << 20) + Vector128.Create(119 << 23);
        Vector128<float> subnormal = AdvSimd.ConvertToSingle(bits) * Vector128.Create(1f / 1024);
        Vector128<int> value = Vector128.ConditionalSelect(Vector128.LessThan(bits, Vector128.Create(8)), subnormal.AsInt32(), normal);
        return Vector128.AndNot(value, Vector128.Equals(d, Vector128.Create(0x7f))).AsSingle();
    }
}
