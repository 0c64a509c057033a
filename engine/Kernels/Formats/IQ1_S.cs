using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>1.5625 bits a weight: a super-block of 8 blocks of 32, each four runs of eight values t of -1, 0 or 1, an entry of
/// <see cref="Grids.IQ1"/>; w = D * (2 * scale + 1) * (t + delta), delta 1/8 or -1/8. In integers: D / 8 * (2 * scale + 1) * (8t + 1),
/// or (8t - 1).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ1_S : IIntegerSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 50;

    /// <summary>Scale of the super-block, half precision.</summary>
    public ushort D;

    /// <summary>Lower eight bits of the runs' indices.</summary>
    public fixed byte Qs[32];

    /// <summary>A block each: upper three bits of its four indices, three bits of scale, one bit that is set if delta is negative.</summary>
    public fixed ushort Qh[8];

    public static GgmlType Type => GgmlType.IQ1_S;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => ((IQ1_S*)block)->D << 16;

    public static float Factor => 1f / 8;

    public static int Scale(byte* block, int j) => 2 * ((((IQ1_S*)block)->Qh[j / 2] >> 12) & 7) + 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        var b = (IQ1_S*)block;
        int high = b->Qh[j / 2];
        for (int run = 2 * j; run < 2 * j + 2; run++, q += 8)
            Grids.StoreTernary(b->Qs[run] | (((high >> (run % 4 * 3)) & 7) << 8), high >> 15 != 0, q);
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<IQ1_S>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<IQ1_S>(row, k, x, groupStride);
}
