using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <content>The scales of quantized blocks, where halves come in pairs of a dword. Unlike the loads of whole rows of halves these do not
/// multiply: scales are often subnormal halves, whose shifted bits are subnormal floats, and a multiplication of such a one takes x64
/// processors a hundred cycles. Here a subnormal half gets an exponent, and what that adds is subtracted: the same bits.</content>
internal static partial class HalfFloat
{
    private const int Exponent = 112 << 23, SubnormalExponent = 113 << 23, SmallestNormal = 1 << 23;

    /// <summary>The upper half of each dword.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> UpperToSingle(Vector128<int> pairs)
    {
        Vector128<int> magnitude = (pairs >> 3) & Vector128.Create(0x0fffe000);
        Vector128<float> subnormal = (magnitude + Vector128.Create(SubnormalExponent)).AsSingle() - Vector128.Create(SubnormalExponent).AsSingle();
        Vector128<int> value = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(SmallestNormal)),
            subnormal.AsInt32(), magnitude + Vector128.Create(Exponent));
        return (value | (pairs & Vector128.Create(int.MinValue))).AsSingle();
    }

    /// <summary>The lower half of each dword.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LowerToSingle(Vector128<int> pairs) => UpperToSingle(pairs << 16);

    /// <summary>The upper half of each dword.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> UpperToSingle(Vector256<int> pairs)
    {
        Vector256<int> magnitude = (pairs >> 3) & Vector256.Create(0x0fffe000);
        Vector256<float> subnormal = (magnitude + Vector256.Create(SubnormalExponent)).AsSingle() - Vector256.Create(SubnormalExponent).AsSingle();
        Vector256<int> value = Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(SmallestNormal)),
            subnormal.AsInt32(), magnitude + Vector256.Create(Exponent));
        return (value | (pairs & Vector256.Create(int.MinValue))).AsSingle();
    }

    /// <summary>The lower half of each dword.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LowerToSingle(Vector256<int> pairs) => UpperToSingle(pairs << 16);

    /// <summary>The upper half of each dword.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> UpperToSingle(Vector512<int> pairs)
    {
        Vector512<int> magnitude = (pairs >> 3) & Vector512.Create(0x0fffe000);
        Vector512<float> subnormal = (magnitude + Vector512.Create(SubnormalExponent)).AsSingle() - Vector512.Create(SubnormalExponent).AsSingle();
        Vector512<int> value = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(SmallestNormal)),
            subnormal.AsInt32(), magnitude + Vector512.Create(Exponent));
        return (value | (pairs & Vector512.Create(int.MinValue))).AsSingle();
    }

    /// <summary>The lower half of each dword.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LowerToSingle(Vector512<int> pairs) => UpperToSingle(pairs << 16);
}
