using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>4.25 bits a weight: a super-block of 8 blocks of 32, w = D * (scale - 32) * IQ4_NL.Values[q], scale in 0..63.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ4_XS : IIntegerSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 136;

    /// <summary>Scale of the block scales, half precision.</summary>
    public ushort D;

    /// <summary>Upper two bits of the block scales: bits 2j and 2j+1 are block j's.</summary>
    public ushort ScalesHigh;

    /// <summary>Lower four bits of the block scales: nibble j, the low one of a byte first, is block j's.</summary>
    public fixed byte ScalesLow[4];

    /// <summary>Indices, 16 bytes a block: its values 0..15 in the low nibbles, 16..31 in the high ones.</summary>
    public fixed byte Qs[128];

    public static GgmlType Type => GgmlType.IQ4_XS;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => ((IQ4_XS*)block)->D << 16;

    public static int Scale(byte* block, int j)
    {
        var b = (IQ4_XS*)block;
        int low = (b->ScalesLow[j / 4] >> (j / 2 % 2 * 4)) & 15, high = (b->ScalesHigh >> (j / 2 * 2)) & 3;
        return (low | (high << 4)) - 32;
    }

    public static void Quants(byte* block, int j, sbyte* q)
    {
        byte* qs = ((IQ4_XS*)block)->Qs + (j / 2 * 16);
        for (int i = 0; i < 16; i++) q[i] = IQ4_NL.Values[(qs[i] >> (j % 2 * 4)) & 15];
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<IQ4_XS>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<IQ4_XS>(row, k, x, groupStride);
}
