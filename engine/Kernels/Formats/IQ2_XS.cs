using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>2.3125 bits a weight: a super-block of 16 blocks of 16, each two runs of eight values whose magnitudes are an entry of
/// <see cref="Grids.IQ2_XS"/>; w = D / 8 * (2 * scale + 1) * magnitude * sign. The eighth sign of a run makes their number even.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ2_XS : IIntegerSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 74;

    /// <summary>Scale of the super-block, half precision.</summary>
    public ushort D;

    /// <summary>A run each: nine bits of index, seven signs (set: negative).</summary>
    public fixed ushort Qs[32];

    /// <summary>Block scales: nibble j, the low one of a byte first, is block j's.</summary>
    public fixed byte Scales[8];

    public static GgmlType Type => GgmlType.IQ2_XS;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => ((IQ2_XS*)block)->D << 16;

    public static float Factor => 1f / 8;

    public static bool ScalesPer16 => true;

    public static int Scale(byte* block, int j) => 2 * ((((IQ2_XS*)block)->Scales[j / 2] >> (j % 2 * 4)) & 15) + 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        for (int run = 2 * j; run < 2 * j + 2; run++, q += 8)
        {
            uint bits = ((IQ2_XS*)block)->Qs[run];
            Grids.Store(Grids.IQ2_XS[(int)(bits & 511)], Grids.EvenSigns(bits >> 9), q);
        }
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<IQ2_XS>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<IQ2_XS>(row, k, x, groupStride);
}
