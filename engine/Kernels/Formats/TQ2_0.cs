using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>2.0625 bits a weight: a super-block of 256, w = D * (t - 1), t in 0..2 (3 is not used, and read as it is). Value
/// 128h + 32j + i has bits 2j and 2j+1 of Qs[32h + i].</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct TQ2_0 : IIntegerSuperBlock, IUnsignedSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 66;

    /// <summary>Two bits a value.</summary>
    public fixed byte Qs[64];

    /// <summary>Scale of the super-block, half precision.</summary>
    public ushort D;

    public static GgmlType Type => GgmlType.TQ2_0;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => *(int*)(block + 62);

    /// <summary>8 * 2 * 3 * 127 = 6,096.</summary>
    public static int ProductsPerInt16 => 8;

    public static int Scale(byte* block, int j) => 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        byte* qs = ((TQ2_0*)block)->Qs + (j / 8 * 32) + (j % 2 * 16);
        for (int i = 0; i < 16; i++) q[i] = (sbyte)(((qs[i] >> (j % 8 / 2 * 2)) & 3) - 1);
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<TQ2_0>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<TQ2_0>(row, k, x, groupStride);
}
