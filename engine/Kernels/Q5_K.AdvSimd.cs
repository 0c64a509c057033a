using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q5_K"/> with NEON.</summary>
internal readonly unsafe struct Q5_K_AdvSimd : ISuperBlockAdvSimd
{
    /// <inheritdoc/>
    public static int Bytes => Q5_K.Bytes;

    /// <inheritdoc/>
    public static bool By16 => false;

    /// <inheritdoc/>
    public static bool HasMin => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        Q4_K_AdvSimd.ScaleMins(((Q5_K*)w)->Scales, out s0, out m0);
        s1 = m1 = default;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float D, float DMin) Factors(byte* w) => (HalfFloat.ToSingle(((Q5_K*)w)->D), HalfFloat.ToSingle(((Q5_K*)w)->DMin));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* q = ((Q5_K*)w)->Qs + (32 * i), high = ((Q5_K*)w)->HighBits;
        Vector128<byte> q0 = AdvSimd.LoadVector128(q), q1 = AdvSimd.LoadVector128(q + 16);
        Vector128<byte> h0 = AdvSimd.LoadVector128(high), h1 = AdvSimd.LoadVector128(high + 16);
        v0 = ((q0 & Vector128.Create((byte)15)) | Fifth(h0, 2 * i)).AsSByte();
        v1 = ((q1 & Vector128.Create((byte)15)) | Fifth(h1, 2 * i)).AsSByte();
        v2 = ((q0 >>> 4) | Fifth(h0, (2 * i) + 1)).AsSByte();
        v3 = ((q1 >>> 4) | Fifth(h1, (2 * i) + 1)).AsSByte();
    }

    // Bit j moved to bit 4.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Fifth(Vector128<byte> high, int j) => (j < 4 ? high << (4 - j) : high >>> (j - 4)) & Vector128.Create((byte)16);
}
