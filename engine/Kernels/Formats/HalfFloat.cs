using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>The one conversion between half and single precision that every kernel uses, whatever the instruction set.</summary>
internal static partial class HalfFloat
{
    /// <summary>2^112: moves a half's exponent (bias 15), shifted into place, to single precision's (bias 127).</summary>
    public const float Rebias = 5.192296858534828e33f;

    /// <summary>Bits that a half's sign and its shifted exponent and mantissa occupy, after an arithmetic shift left by 13.</summary>
    public const int ShiftedMask = unchecked((int)0x8fffe000);

    /// <summary>Half to single, exact for every finite half, subnormals included. (Infinity and NaN, which no valid file holds, give
    /// finite values from 65536 up, the same ones everywhere.)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(ushort half)
    {
        int magnitude = (half & 0x7fff) << 13;
        float value = magnitude < SmallestNormal
            ? BitConverter.Int32BitsToSingle(magnitude + SubnormalExponent) - BitConverter.Int32BitsToSingle(SubnormalExponent)
            : BitConverter.Int32BitsToSingle(magnitude + Exponent);
        return BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) | ((half & 0x8000) << 16));
    }

    /// <summary>Single to half, to nearest even, saturating at +-65504 (NaN becomes +65504).</summary>
    public static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
        if (magnitude >= 0x477ff000) return (ushort)(sign | 0x7bff); // 65520 and above would round to infinity
        if (magnitude < 0x38800000) // below 2^-14 the result is subnormal: adding 0.5 aligns the last half bit with the last single bit
        {
            float aligned = BitConverter.UInt32BitsToSingle(magnitude) + 0.5f;
            return (ushort)(sign | (BitConverter.SingleToUInt32Bits(aligned) - 0x3f000000));
        }
        uint roundToEven = 0xfff + ((magnitude >> 13) & 1);
        return (ushort)(sign | ((magnitude - 0x38000000 + roundToEven) >> 13));
    }

    /// <summary>Single to bfloat16: rounded to nearest even; what would round to infinity becomes the largest number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value), rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
        return (ushort)((rounded & 0x7fff) == 0x7f80 ? rounded - 1 : rounded);
    }

    /// <summary>Bfloat16 to single: exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float FromBFloat16(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
