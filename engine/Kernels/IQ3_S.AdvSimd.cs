using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="IQ3_S"/> with NEON.</summary>
internal readonly unsafe struct IQ3_S_AdvSimd : ISuperBlockAdvSimd
{
    /// <inheritdoc/>
    public static int Bytes => IQ3_S.Bytes;

    /// <inheritdoc/>
    public static bool By16 => false;

    /// <inheritdoc/>
    public static bool HasMin => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        Vector128<byte> packed = Vector128.CreateScalarUnsafe(*(uint*)((IQ3_S*)w)->Scales).AsByte();
        Vector128<byte> s = AdvSimd.Arm64.ZipLow(packed & Vector128.Create((byte)15), packed >>> 4);
        Vector128<short> wide = AdvSimd.ZeroExtendWideningLower(s.GetLower()).AsInt16();
        s0 = wide + wide + Vector128<short>.One;
        s1 = m0 = m1 = default;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float D, float DMin) Factors(byte* w) => (HalfFloat.ToSingle(((IQ3_S*)w)->D), 0);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* q = ((IQ3_S*)w)->Qs + (16 * i);
        int high = *(ushort*)(((IQ3_S*)w)->Qh + (2 * i));
        Vector128<byte> signs = AdvSimd.LoadVector64(((IQ3_S*)w)->Signs + (8 * i)).ToVector128Unsafe();
        v0 = CodebookAdvSimd.Signed(Entries(q, high), signs, 0);
        v1 = CodebookAdvSimd.Signed(Entries(q + 4, high >> 4), signs, 1);
        v2 = CodebookAdvSimd.Signed(Entries(q + 8, high >> 8), signs, 2);
        v3 = CodebookAdvSimd.Signed(Entries(q + 12, high >> 12), signs, 3);
    }

    // Four runs, whose indices' ninth bits are the lowest ones of high.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Entries(byte* q, int high) => CodebookAdvSimd.Four(
        Grids.Pointer(Grids.IQ3_S),
        q[0] | ((high << 8) & 256), q[1] | ((high << 7) & 256), q[2] | ((high << 6) & 256), q[3] | ((high << 5) & 256));
}
