using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>The activation quantizers with NEON: the rule is <see cref="ActivationQuantization"/>'s.</summary>
internal readonly unsafe struct QuantizerAdvSimd : IQuantizer
{
    /// <summary>As <see cref="Q8_K.Quantize"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool ToQ8_K(float* x, int k, byte* dst, nint groupStride)
    {
        uint largest = 0;
        for (; k > 0; k -= 256, x += 256, dst += groupStride)
        {
            var block = (Q8_K*)dst;
            uint amax = Amax(x, 256);
            largest = Math.Max(largest, amax);
            float inverse = Inverse(amax, out block->D);
            for (int i = 0; i < 8; i++)
            {
                Vector128<sbyte> q0 = Values(x + (32 * i), inverse), q1 = Values(x + (32 * i) + 16, inverse);
                AdvSimd.Store(block->Qs + (32 * i), q0);
                AdvSimd.Store(block->Qs + (32 * i) + 16, q1);
                short sum0 = AdvSimd.Arm64.AddAcrossWidening(q0).ToScalar(), sum1 = AdvSimd.Arm64.AddAcrossWidening(q1).ToScalar();
                block->Sums16[2 * i] = sum0;
                block->Sums16[(2 * i) + 1] = sum1;
                block->Sums32[i] = (short)(sum0 + sum1);
            }
        }
        return largest < ActivationQuantization.InfinityBits;
    }

    /// <summary>As <see cref="Q8_32.Quantize"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool ToQ8_32(float* x, int k, byte* dst, nint groupStride)
    {
        uint largest = 0;
        for (; k > 0; k -= 256, x += 256, dst += groupStride)
        {
            var group = (Q8_32*)dst;
            int blocks = Math.Min(k, 256) / 32;
            if (blocks < 8) Unsafe.InitBlockUnaligned(dst, 0, Q8_32.Bytes);
            for (int b = 0; b < blocks; b++)
            {
                uint amax = Amax(x + (32 * b), 32);
                largest = Math.Max(largest, amax);
                float inverse = Inverse(amax, out group->D[b]);
                Vector128<sbyte> q0 = Values(x + (32 * b), inverse), q1 = Values(x + (32 * b) + 16, inverse);
                AdvSimd.Store(group->Qs + (32 * b), q0);
                AdvSimd.Store(group->Qs + (32 * b) + 16, q1);
                group->Sums[b] = AdvSimd.Arm64.AddAcrossWidening(q0).ToScalar() + AdvSimd.Arm64.AddAcrossWidening(q1).ToScalar();
            }
        }
        return largest < ActivationQuantization.InfinityBits;
    }

    // The largest bit pattern without its sign.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Amax(float* x, int length)
    {
        Vector128<uint> max0 = Vector128<uint>.Zero, max1 = max0;
        for (int i = 0; i < length; i += 8)
        {
            max0 = AdvSimd.Max(max0, AdvSimd.Abs(AdvSimd.LoadVector128(x + i)).AsUInt32());
            max1 = AdvSimd.Max(max1, AdvSimd.Abs(AdvSimd.LoadVector128(x + i + 4)).AsUInt32());
        }
        return AdvSimd.Arm64.MaxAcross(AdvSimd.Max(max0, max1)).ToScalar();
    }

    // 127 / amax, or 0 for a block of zeros.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Inverse(uint amax, out float d)
    {
        bool zero = amax is < ActivationQuantization.SmallestBits or >= ActivationQuantization.InfinityBits;
        float max = BitConverter.UInt32BitsToSingle(amax);
        d = zero ? 0 : max / 127f;
        return zero ? 0 : 127f / max;
    }

    // 16 values. An infinity or NaN times 0 is NaN, which converts to 0 like the reference's cleared block.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Values(float* x, float inverse) => AdvSimd.ExtractNarrowingSaturateUpper(
        AdvSimd.ExtractNarrowingSaturateLower(RoundEight(x, inverse)), RoundEight(x + 8, inverse));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> RoundEight(float* x, float inverse) => AdvSimd.ExtractNarrowingSaturateUpper(
        AdvSimd.ExtractNarrowingSaturateLower(RoundFour(x, inverse)), RoundFour(x + 4, inverse));

    // x * inverse is at most 127 and two roundings, so it is never as large as 127.5: rounding to integers clamps by itself.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> RoundFour(float* x, float inverse) =>
        AdvSimd.ConvertToInt32RoundToEven(AdvSimd.LoadVector128(x) * Vector128.Create(inverse));
}
