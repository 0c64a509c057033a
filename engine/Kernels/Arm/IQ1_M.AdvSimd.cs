using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ1_M"/> with NEON.</summary>
internal readonly unsafe struct IQ1_M_AdvSimd : ISuperBlockAdvSimd, IGroup<IQ1_M>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        ushort* words = ((IQ1_M*)w)->Scales;
        // Three bits of each word four times over.
        Vector128<short> shifts = Vector128.Create(0, -3, -6, -9, 0, -3, -6, -9);
        Vector128<ushort> seven = Vector128.Create((ushort)7);
        Vector128<ushort> low = Vector128.Create(words[0] * 0x0001000100010001ul, words[1] * 0x0001000100010001ul).AsUInt16();
        Vector128<ushort> high = Vector128.Create(words[2] * 0x0001000100010001ul, words[3] * 0x0001000100010001ul).AsUInt16();
        low = AdvSimd.ShiftLogical(low, shifts) & seven;
        high = AdvSimd.ShiftLogical(high, shifts) & seven;
        s0 = (low + low + Vector128<ushort>.One).AsInt16();
        s1 = (high + high + Vector128<ushort>.One).AsInt16();
        m0 = m1 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Factors(byte* w0, byte* w1, byte* w2, byte* w3, out Vector128<float> d, out Vector128<float> dmin)
    {
        d = HalfFloatAdvSimd.ToSingle4(Vector64.Create(IQ1_M.Half(w0), IQ1_M.Half(w1), IQ1_M.Half(w2), IQ1_M.Half(w3)).AsInt16()) * (1f / 8);
        dmin = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        ushort* grid = Grids.Pointer(Grids.IQ1);
        byte* q = ((IQ1_M*)w)->Qs + (8 * i);
        nuint high = *(uint*)(((IQ1_M*)w)->Qh + (4 * i));

        Vector128<byte> entries = CodebookAdvSimd.EightEntries(grid, q[0] | ((high << 8) & 0x700), q[1] | ((high << 4) & 0x700), q[2] | (high & 0x700),
            q[3] | ((high >> 4) & 0x700), q[4] | ((high >> 8) & 0x700), q[5] | ((high >> 12) & 0x700),
            q[6] | ((high >> 16) & 0x700), q[7] | ((high >> 20) & 0x700));
        // Bit 3 of nibble l: run l's delta is negative.
        Vector128<byte> bits = AdvSimd.CompareTest(
            AdvSimd.Arm64.VectorTableLookup(Vector128.CreateScalarUnsafe((uint)high).AsByte(), Vector128.Create(0x0303020201010000ul, 0).AsByte()),
            Vector128.Create(0x8008800880088008ul, 0).AsByte());
        Vector128<byte> lowest = Vector128.Create((byte)0xf9) - (bits & Vector128.Create((byte)2));
        v0 = CodebookAdvSimd.Ternary(entries, CodebookAdvSimd.EachEightTimes(lowest, 0), 0);
        v1 = CodebookAdvSimd.Ternary(entries, CodebookAdvSimd.EachEightTimes(lowest, 1), 1);
        v2 = CodebookAdvSimd.Ternary(entries, CodebookAdvSimd.EachEightTimes(lowest, 2), 2);
        v3 = CodebookAdvSimd.Ternary(entries, CodebookAdvSimd.EachEightTimes(lowest, 3), 3);
    }
}
