using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ3_S"/> with NEON.</summary>
internal readonly unsafe struct IQ3_S_AdvSimd : ISuperBlockAdvSimd, IGroup<IQ3_S>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        Vector128<byte> packed = Vector128.CreateScalarUnsafe(*(uint*)((IQ3_S*)w)->Scales).AsByte();
        Vector128<byte> s = AdvSimd.Arm64.ZipLow(packed & Vector128.Create((byte)15), packed >>> 4);
        Vector128<short> wide = AdvSimd.ZeroExtendWideningLower(s.GetLower()).AsInt16();
        s0 = wide + wide + Vector128<short>.One;
        s1 = m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.Load4(&((IQ3_S*)w0)->D, &((IQ3_S*)w1)->D, &((IQ3_S*)w2)->D, &((IQ3_S*)w3)->D);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        Vector128<byte> q = AdvSimd.LoadVector128(((IQ3_S*)w)->Qs + (16 * i));
        Vector128<ushort> high = Vector128.Create(*(ushort*)(((IQ3_S*)w)->Qh + (2 * i)));
        // Indices, whose ninth bits are those of high.
        Vector128<ushort> last = AdvSimd.ZeroExtendWideningUpper(q)
            | (AdvSimd.CompareTest(high, Vector128.Create(0x0800040002000100ul, 0x8000400020001000).AsUInt16()) & Vector128.Create((ushort)256));
        Vector128<ushort> first = AdvSimd.ZeroExtendWideningLower(q.GetLower())
            | (AdvSimd.CompareTest(high, Vector128.Create(0x0008000400020001ul, 0x0080004000200010).AsUInt16()) & Vector128.Create((ushort)256));
        Vector128<byte> signs = AdvSimd.LoadVector64(((IQ3_S*)w)->Signs + (8 * i)).ToVector128Unsafe();
        v0 = CodebookAdvSimd.Signed(Entries(first, 0), signs, 0);
        v1 = CodebookAdvSimd.Signed(Entries(first, 4), signs, 1);
        v2 = CodebookAdvSimd.Signed(Entries(last, 0), signs, 2);
        v3 = CodebookAdvSimd.Signed(Entries(last, 4), signs, 3);
    }

    // The entries of four indices.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Entries(Vector128<ushort> indices, [ConstantExpected] int at) => CodebookAdvSimd.FourEntries(
        Grids.Pointer(Grids.IQ3_S), indices.GetElement(at), indices.GetElement(at + 1), indices.GetElement(at + 2), indices.GetElement(at + 3));
}
