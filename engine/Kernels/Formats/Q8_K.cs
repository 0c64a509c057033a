using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>Activations for the K-quants: a super-block of 256 int8 with one scale, and the sums that minimums and offsets need.
/// 320 bytes, so that 64-byte loads of the values never cross a cache line.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q8_K
{
    /// <summary>Bytes of one block, and from one token to the next in a packed batch.</summary>
    public const int Bytes = 320;

    /// <summary>Offset of <see cref="Sums16"/>.</summary>
    public const int Sums16Offset = 256;

    /// <summary>Offset of <see cref="Sums32"/>.</summary>
    public const int Sums32Offset = 288;

    /// <summary>Offset of <see cref="D"/>.</summary>
    public const int DOffset = 304;

    /// <summary>Values, -127..127.</summary>
    public fixed sbyte Qs[256];

    /// <summary>Sums of 16 consecutive values.</summary>
    public fixed short Sums16[16];

    /// <summary>Sums of 32 consecutive values.</summary>
    public fixed short Sums32[8];

    /// <summary>Scale: x = D * q.</summary>
    public float D;

    private fixed byte _padding[12];

    /// <summary>Quantizes a row of <paramref name="k"/> floats (a multiple of 256) to blocks <paramref name="groupStride"/> bytes apart.
    /// The reference; see <see cref="ActivationQuantization"/> for the rule.</summary>
    /// <returns>False if a value is not finite.</returns>
    public static bool Quantize(float* x, int k, byte* dst, nint groupStride)
    {
        uint largest = 0;
        for (; k > 0; k -= 256, x += 256, dst += groupStride)
        {
            var block = (Q8_K*)dst;
            block->D = ActivationQuantization.Block(x, block->Qs, 256, ref largest);
            for (int i = 0; i < 16; i++)
            {
                int sum = 0;
                for (int j = 0; j < 16; j++) sum += block->Qs[16 * i + j];
                block->Sums16[i] = (short)sum;
            }
            for (int i = 0; i < 8; i++) block->Sums32[i] = (short)(block->Sums16[2 * i] + block->Sums16[2 * i + 1]);
        }
        return largest < ActivationQuantization.InfinityBits;
    }
}
