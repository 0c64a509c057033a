using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>1.75 bits a weight: a super-block of 16 blocks of 16, each two runs of eight values t of -1, 0 or 1, an entry of
/// <see cref="Grids.IQ1"/>; w = D * (2 * scale + 1) * (t + delta), delta 1/8 or -1/8. In integers: D / 8 * (2 * scale + 1) * (8t + 1),
/// or (8t - 1).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ1_M : IIntegerSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 56;

    /// <summary>Lower eight bits of the runs' indices.</summary>
    public fixed byte Qs[32];

    /// <summary>A nibble a run, the low one of a byte first: upper three bits of its index, one bit that is set if delta is negative.</summary>
    public fixed byte Qh[16];

    /// <summary>Of each word the lower 12 bits are scales of four blocks, three bits each; the upper four are a quarter of D, half
    /// precision, the lowest first.</summary>
    public fixed ushort Scales[4];

    public static GgmlType Type => GgmlType.IQ1_M;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => IQ1_M.Half(block) << 16;

    public static float Factor => 1f / 8;

    public static bool ScalesPer16 => true;

    /// <summary>The scale of the super-block, half precision.</summary>
    public static ushort Half(byte* block)
    {
        ushort* s = ((IQ1_M*)block)->Scales;
        return (ushort)((s[0] >> 12) | ((s[1] >> 8) & 0xf0) | ((s[2] >> 4) & 0xf00) | (s[3] & 0xf000));
    }

    public static int Scale(byte* block, int j) => 2 * ((((IQ1_M*)block)->Scales[j / 4] >> (j % 4 * 3)) & 7) + 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        var b = (IQ1_M*)block;
        for (int run = 2 * j; run < 2 * j + 2; run++, q += 8)
        {
            int high = b->Qh[j] >> (run % 2 * 4);
            Grids.StoreTernary(b->Qs[run] | ((high & 7) << 8), (high & 8) != 0, q);
        }
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<IQ1_M>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<IQ1_M>(row, k, x, groupStride);
}
