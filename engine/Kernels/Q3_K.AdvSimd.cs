using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q3_K"/> with NEON.</summary>
internal readonly unsafe struct Q3_K_AdvSimd : ISuperBlockAdvSimd
{
    /// <inheritdoc/>
    public static int Bytes => Q3_K.Bytes;

    /// <inheritdoc/>
    public static bool By16 => true;

    /// <inheritdoc/>
    public static bool HasMin => false;

    /// <summary>See <see cref="Q3_K.Scale"/>; four at a time in integer registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        byte* packed = ((Q3_K*)w)->Scales;
        ulong low = Unsafe.ReadUnaligned<ulong>(packed);
        uint high = Unsafe.ReadUnaligned<uint>(packed + 8);
        ulong first = ((high << 4) & 0x30303030) | ((ulong)((high << 2) & 0x30303030) << 32);
        ulong last = (high & 0x30303030) | ((ulong)((high >> 2) & 0x30303030) << 32);
        s0 = Widened((low & 0x0f0f0f0f0f0f0f0f) | first);
        s1 = Widened(((low >> 4) & 0x0f0f0f0f0f0f0f0f) | last);
        m0 = m1 = default;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float D, float DMin) Factors(byte* w) => (HalfFloat.ToSingle(((Q3_K*)w)->D), 0);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* q = ((Q3_K*)w)->Qs + (i / 2 * 32), high = ((Q3_K*)w)->HighBits;
        Vector128<byte> q0 = AdvSimd.LoadVector128(q), q1 = AdvSimd.LoadVector128(q + 16);
        Vector128<byte> h0 = AdvSimd.LoadVector128(high), h1 = AdvSimd.LoadVector128(high + 16);
        v0 = Value(Q2_K_AdvSimd.Pair(q0, i % 2 * 4), h0, 2 * i);
        v1 = Value(Q2_K_AdvSimd.Pair(q1, i % 2 * 4), h1, 2 * i);
        v2 = Value(Q2_K_AdvSimd.Pair(q0, (i % 2 * 4) + 2), h0, (2 * i) + 1);
        v3 = Value(Q2_K_AdvSimd.Pair(q1, (i % 2 * 4) + 2), h1, (2 * i) + 1);
    }

    // q + 4 * bit - 4: bits clear where the high one is set, and 4 to subtract elsewhere.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Value(Vector128<byte> q, Vector128<byte> high, int bit)
    {
        Vector128<byte> third = bit < 2 ? high << (2 - bit) : bit == 2 ? high : high >>> (bit - 2);
        return (q - AdvSimd.BitwiseClear(Vector128.Create((byte)4), third)).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Widened(ulong bytes) =>
        AdvSimd.ZeroExtendWideningLower(Vector64.CreateScalar(bytes).AsByte()).AsInt16() - Vector128.Create((short)32);
}
