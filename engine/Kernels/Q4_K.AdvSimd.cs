using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q4_K"/> with NEON.</summary>
internal readonly unsafe struct Q4_K_AdvSimd : ISuperBlockAdvSimd
{
    /// <inheritdoc/>
    public static int Bytes => Q4_K.Bytes;

    /// <inheritdoc/>
    public static bool By16 => false;

    /// <inheritdoc/>
    public static bool HasMin => true;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* w, out Vector128<short> s0, out Vector128<short> s1, out Vector128<short> m0, out Vector128<short> m1)
    {
        ScaleMins(((Q4_K*)w)->Scales, out s0, out m0);
        s1 = m1 = default;
    }

    /// <summary>The twelve bytes of <see cref="Q4_K.ScaleMin"/>, four at a time in integer registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScaleMins(byte* packed, out Vector128<short> scales, out Vector128<short> mins)
    {
        uint a = Unsafe.ReadUnaligned<uint>(packed), b = Unsafe.ReadUnaligned<uint>(packed + 4), c = Unsafe.ReadUnaligned<uint>(packed + 8);
        uint highScales = (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030);
        uint highMins = ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030);
        scales = Widened((a & 0x3f3f3f3f) | ((ulong)highScales << 32));
        mins = Widened((b & 0x3f3f3f3f) | ((ulong)highMins << 32));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float D, float DMin) Factors(byte* w) => (HalfFloat.ToSingle(((Q4_K*)w)->D), HalfFloat.ToSingle(((Q4_K*)w)->DMin));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Quarter(
        byte* w, [ConstantExpected(Max = 3)] int i,
        out Vector128<sbyte> v0, out Vector128<sbyte> v1, out Vector128<sbyte> v2, out Vector128<sbyte> v3)
    {
        byte* q = ((Q4_K*)w)->Qs + (32 * i);
        Vector128<byte> q0 = AdvSimd.LoadVector128(q), q1 = AdvSimd.LoadVector128(q + 16);
        v0 = (q0 & Vector128.Create((byte)15)).AsSByte();
        v1 = (q1 & Vector128.Create((byte)15)).AsSByte();
        v2 = (q0 >>> 4).AsSByte();
        v3 = (q1 >>> 4).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Widened(ulong bytes) => AdvSimd.ZeroExtendWideningLower(Vector64.CreateScalar(bytes).AsByte()).AsInt16();
}
