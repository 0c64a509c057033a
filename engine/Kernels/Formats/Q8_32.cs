using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>Activations for weight blocks of 32: a group of eight blocks, 256 int8 with a scale and a sum for each 32.
/// (The name says that: int8, a scale for 32. It is no tensor type, and no repacked Q8_0: scales are floats and stand apart.)
/// A row that ends inside a group is padded: values, scales and sums of the missing blocks are +0.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct Q8_32
{
    /// <summary>Bytes of one group, and from one token to the next in a packed batch.</summary>
    public const int Bytes = 320;

    /// <summary>Offset of <see cref="D"/>.</summary>
    public const int DOffset = 256;

    /// <summary>Offset of <see cref="Sums"/>.</summary>
    public const int SumsOffset = 288;

    /// <summary>Values, -127..127.</summary>
    public fixed sbyte Qs[256];

    /// <summary>Scale of each block: x = D * q.</summary>
    public fixed float D[8];

    /// <summary>Sum of each block's 32 values.</summary>
    public fixed int Sums[8];

    /// <summary>Quantizes a row of <paramref name="k"/> floats (a multiple of 32) to groups <paramref name="groupStride"/> bytes apart.
    /// The reference; see <see cref="ActivationQuantization"/> for the rule.</summary>
    /// <returns>False if a value is not finite.</returns>
    public static bool Quantize(float* x, int k, byte* dst, nint groupStride)
    {
        uint largest = 0;
        for (; k > 0; k -= 256, x += 256, dst += groupStride)
        {
            var group = (Q8_32*)dst;
            int blocks = Math.Min(k, 256) / 32;
            new Span<byte>(dst, Bytes)[(32 * blocks)..].Clear();
            for (int b = 0; b < blocks; b++)
            {
                group->D[b] = ActivationQuantization.Block(x + 32 * b, group->Qs + 32 * b, 32, ref largest);
                int sum = 0;
                for (int i = 0; i < 32; i++) sum += group->Qs[32 * b + i];
                group->Sums[b] = sum;
            }
        }
        return largest < ActivationQuantization.InfinityBits;
    }
}
