using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>What the quantizers of activations do at either vector width.</summary>
internal unsafe interface IQuantize
{
    /// <summary>The largest bit pattern, without sign, of n values, a multiple of 32.</summary>
    static abstract uint AbsMax(float* x, int n);

    /// <summary>32 values times <paramref name="inverse"/>, clamped to +-127, rounded half to even.</summary>
    static abstract Vector256<sbyte> Pack(float* x, float inverse);
}

/// <summary><see cref="Q8_K.Quantize"/> and <see cref="Q8_32.Quantize"/> vectorised; <see cref="ActivationQuantization"/> has the rule.</summary>
internal readonly unsafe struct QuantizerX86<T> : IQuantizer where T : IQuantize
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool ToQ8_K(float* x, int k, byte* dst, nint groupStride)
    {
        uint largest = 0;
        for (; k > 0; k -= 256, x += 256, dst += groupStride)
        {
            var block = (Q8_K*)dst;
            uint amax = T.AbsMax(x, 256);
            largest = Math.Max(largest, amax);
            if (amax is < ActivationQuantization.SmallestBits or >= ActivationQuantization.InfinityBits)
            {
                Unsafe.InitBlockUnaligned(dst, 0, Q8_K.DOffset + sizeof(float));
                continue;
            }
            float max = BitConverter.UInt32BitsToSingle(amax), inverse = 127f / max;
            for (int i = 0; i < 8; i++)
            {
                Vector256<sbyte> q = T.Pack(x + 32 * i, inverse);
                q.Store(block->Qs + 32 * i);
                Vector256<int> sums = Sums(q);
                int low = Vector128.Sum(sums.GetLower()), high = Vector128.Sum(sums.GetUpper());
                block->Sums16[2 * i] = (short)low;
                block->Sums16[2 * i + 1] = (short)high;
                block->Sums32[i] = (short)(low + high);
            }
            block->D = max / 127f;
        }
        return largest < ActivationQuantization.InfinityBits;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool ToQ8_32(float* x, int k, byte* dst, nint groupStride)
    {
        uint largest = 0;
        for (; k > 0; k -= 256, dst += groupStride)
        {
            var group = (Q8_32*)dst;
            int blocks = Math.Min(k, 256) / 32;
            if (blocks < 8) Unsafe.InitBlockUnaligned(dst, 0, Q8_32.Bytes);
            for (int b = 0; b < blocks; b++, x += 32)
            {
                uint amax = T.AbsMax(x, 32);
                largest = Math.Max(largest, amax);
                bool zero = amax is < ActivationQuantization.SmallestBits or >= ActivationQuantization.InfinityBits;
                float max = BitConverter.UInt32BitsToSingle(amax);
                Vector256<sbyte> q = zero ? default : T.Pack(x, 127f / max);
                q.Store(group->Qs + 32 * b);
                group->D[b] = zero ? 0 : max / 127f;
                group->Sums[b] = Vector256.Sum(Sums(q));
            }
        }
        return largest < ActivationQuantization.InfinityBits;
    }

    // The sum of each four neighbours.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Sums(Vector256<sbyte> q) =>
        Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(Vector256.Create((byte)1), q), Vector256.Create((short)1));
}
