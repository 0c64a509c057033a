using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>2.5625 bits a weight: a super-block of 16 blocks of 16, each two runs of eight values whose magnitudes are an entry of
/// <see cref="Grids.IQ2_S"/>; w = D / 8 * (2 * scale + 1) * magnitude * sign.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ2_S : IIntegerSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 82;

    /// <summary>Scale of the super-block, half precision.</summary>
    public ushort D;

    /// <summary>Lower eight bits of the runs' indices.</summary>
    public fixed byte Qs[32];

    /// <summary>Signs, a byte a run (set: negative).</summary>
    public fixed byte Signs[32];

    /// <summary>Upper two bits of the indices: bits 2l and 2l+1 of byte i are those of run 4i + l.</summary>
    public fixed byte Qh[8];

    /// <summary>Block scales: nibble j, the low one of a byte first, is block j's.</summary>
    public fixed byte Scales[8];

    public static GgmlType Type => GgmlType.IQ2_S;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => ((IQ2_S*)block)->D << 16;

    public static float Factor => 1f / 8;

    public static bool ScalesPer16 => true;

    public static int Scale(byte* block, int j) => 2 * ((((IQ2_S*)block)->Scales[j / 2] >> (j % 2 * 4)) & 15) + 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        var b = (IQ2_S*)block;
        for (int run = 2 * j; run < 2 * j + 2; run++, q += 8)
        {
            int high = (b->Qh[run / 4] >> (run % 4 * 2)) & 3;
            Grids.Store(Grids.IQ2_S[b->Qs[run] | (high << 8)], b->Signs[run], q);
        }
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<IQ2_S>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<IQ2_S>(row, k, x, groupStride);
}
