namespace Edge.Llm.Kernels;

/// <summary>How activations become int8, for every block length: amax is the largest absolute value, found as an integer maximum of the
/// bit patterns without their signs (so its order is free, and NaN is larger than all); scale = amax / 127;
/// q = x * (127 / amax) rounded half to even, clamped to +-127 before the conversion. A block whose amax is under 2^-100 is all zeros,
/// scale +0, so that the reciprocal stays finite.</summary>
internal static unsafe class ActivationQuantization
{
    /// <summary>Bits of +infinity: at or above it, a value is not finite.</summary>
    public const uint InfinityBits = 0x7f800000;

    /// <summary>Bits of 2^-100.</summary>
    public const uint SmallestBits = (127 - 100) << 23;

    /// <summary>Quantizes one block and returns its scale; <paramref name="largest"/> gathers the maximum of the bit patterns.</summary>
    public static float Block(float* x, sbyte* q, int length, ref uint largest)
    {
        uint amax = 0;
        for (int i = 0; i < length; i++) amax = Math.Max(amax, BitConverter.SingleToUInt32Bits(x[i]) & 0x7fffffff);
        largest = Math.Max(largest, amax);
        if (amax is < SmallestBits or >= InfinityBits)
        {
            new Span<sbyte>(q, length).Clear();
            return 0;
        }
        float max = BitConverter.UInt32BitsToSingle(amax), inverse = 127f / max;
        for (int i = 0; i < length; i++) q[i] = (sbyte)Math.Clamp(MathF.Round(x[i] * inverse), -127f, 127f);
        return max / 127f;
    }
}

/// <summary>The quantizers of one instruction set.</summary>
internal unsafe interface IQuantizer
{
    /// <summary>Quantizes a row of k values for <see cref="ActivationFormat.Q8_K"/>; false if a value is not finite.</summary>
    static abstract bool ToQ8_K(float* x, int k, byte* dst, nint groupStride);

    /// <summary>The same for <see cref="ActivationFormat.Q8_32"/>.</summary>
    static abstract bool ToQ8_32(float* x, int k, byte* dst, nint groupStride);
}

/// <summary>The reference.</summary>
internal readonly unsafe struct ScalarQuantizer : IQuantizer
{
    public static bool ToQ8_K(float* x, int k, byte* dst, nint groupStride) => Q8_K.Quantize(x, k, dst, groupStride);

    public static bool ToQ8_32(float* x, int k, byte* dst, nint groupStride) => Q8_32.Quantize(x, k, dst, groupStride);
}
