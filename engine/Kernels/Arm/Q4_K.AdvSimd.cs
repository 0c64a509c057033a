using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q4_K"/> with NEON.</summary>
internal readonly unsafe struct Q4_K_AdvSimd : ISuperBlockAdvSimd, IGroup<Q4_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        ScaleMins(((Q4_K*)w)->Scales, out s0, out m0);
        s1 = m1 = default;
    }

    /// <summary>The twelve bytes of <see cref="Q4_K.ScaleMin"/>: words of four scales, four minimums, and the other fours' lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScaleMins(byte* packed, out Vector128<short> scales, out Vector128<short> mins)
    {
        Vector128<byte> first = AdvSimd.LoadVector64(packed).ToVector128Unsafe();
        Vector128<byte> second = AdvSimd.LoadAndReplicateToVector64((uint*)(packed + 8)).AsByte().ToVector128Unsafe();
        second = AdvSimd.ShiftLogical(second, Vector128.Create(0xfcfcfcfc00000000ul).AsSByte()) & Vector128.Create((byte)15);
        second |= (first >>> 2) & Vector128.Create((byte)0x30);
        first &= Vector128.Create((byte)0x3f);
        Vector128<byte> both = AdvSimd.Arm64.ZipLow(first.AsUInt32(), second.AsUInt32()).AsByte();
        mins = AdvSimd.ZeroExtendWideningUpper(both).AsInt16();
        scales = AdvSimd.ZeroExtendWideningLower(both.GetLower()).AsInt16();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
        => HalfFloatAdvSimd.LoadPairs4(&((Q4_K*)w0)->D, &((Q4_K*)w1)->D, &((Q4_K*)w2)->D, &((Q4_K*)w3)->D, out d, out dmin);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        Vector128<byte> q0 = AdvSimd.LoadVector128(((Q4_K*)w)->Qs + (32 * i)), q1 = AdvSimd.LoadVector128(((Q4_K*)w)->Qs + (32 * i) + 16);
        v0 = (q0 & Vector128.Create((byte)15)).AsSByte();
        v1 = (q1 & Vector128.Create((byte)15)).AsSByte();
        v2 = (q0 >>> 4).AsSByte();
        v3 = (q1 >>> 4).AsSByte();
    }
}
