using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>3.4375 bits a weight: a super-block of 8 blocks of 32, each eight runs of four values whose magnitudes are an entry of
/// <see cref="Grids.IQ3_S"/>; w = D * (2 * scale + 1) * magnitude * sign.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ3_S : IIntegerSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 110;

    /// <summary>Scale of the super-block, half precision.</summary>
    public ushort D;

    /// <summary>Lower eight bits of the runs' indices.</summary>
    public fixed byte Qs[64];

    /// <summary>Ninth bits of the indices: bit l of byte i is that of run 8i + l.</summary>
    public fixed byte Qh[8];

    /// <summary>Signs: bit i is value i's (set: negative).</summary>
    public fixed byte Signs[32];

    /// <summary>Block scales: nibble j, the low one of a byte first, is block j's.</summary>
    public fixed byte Scales[4];

    public static GgmlType Type => GgmlType.IQ3_S;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => ((IQ3_S*)block)->D << 16;

    public static int Scale(byte* block, int j) => 2 * ((((IQ3_S*)block)->Scales[j / 4] >> (j / 2 % 2 * 4)) & 15) + 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        var b = (IQ3_S*)block;
        for (int run = 4 * j; run < 4 * j + 4; run += 2, q += 8)
            Grids.Store(b->Entry(run) | ((ulong)b->Entry(run + 1) << 32), b->Signs[run / 2], q);
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<IQ3_S>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<IQ3_S>(row, k, x, groupStride);

    private uint Entry(int run) => Grids.IQ3_S[Qs[run] | (((Qh[run / 8] >> (run % 8)) & 1) << 8)];
}
