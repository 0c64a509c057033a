using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q6_K"/> with NEON.</summary>
internal readonly unsafe struct Q6_K_AdvSimd : ISuperBlockAdvSimd
{
    /// <inheritdoc/>
    public static int Bytes => Q6_K.Bytes;

    /// <inheritdoc/>
    public static bool By16 => true;

    /// <inheritdoc/>
    public static bool HasMin => false;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        Vector128<sbyte> scales = AdvSimd.LoadVector128(((Q6_K*)w)->Scales);
        s0 = AdvSimd.SignExtendWideningLower(scales.GetLower());
        s1 = AdvSimd.SignExtendWideningUpper(scales);
        m0 = m1 = default;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float D, float DMin) Factors(byte* w) => (HalfFloat.ToSingle(((Q6_K*)w)->D), 0);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* low = ((Q6_K*)w)->Low + (i / 2 * 64), high = ((Q6_K*)w)->High + (i / 2 * 32);
        Vector128<byte> h0 = AdvSimd.LoadVector128(high), h1 = AdvSimd.LoadVector128(high + 16);
        v0 = Value(AdvSimd.LoadVector128(low), h0, i % 2, 0);
        v1 = Value(AdvSimd.LoadVector128(low + 16), h1, i % 2, 0);
        v2 = Value(AdvSimd.LoadVector128(low + 32), h0, i % 2, 1);
        v3 = Value(AdvSimd.LoadVector128(low + 48), h1, i % 2, 1);
    }

    // Low nibbles and bits 0..1 or 2..3, or high nibbles and bits 4..5 or 6..7.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Value(Vector128<byte> low, Vector128<byte> high, int nibble, int pair)
    {
        Vector128<byte> nibbles = nibble == 0 ? low & Vector128.Create((byte)15) : low >>> 4;
        Vector128<byte> bits = nibble == 0 ? high << (4 - (2 * pair)) : pair == 0 ? high : high >>> 2;
        return ((nibbles | (bits & Vector128.Create((byte)0x30))) - Vector128.Create((byte)32)).AsSByte();
    }
}
