using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>2.0625 bits a weight: a super-block of 8 blocks of 32, each four runs of eight values whose magnitudes are an entry of
/// <see cref="Grids.IQ2_XXS"/>; w = D / 8 * (2 * scale + 1) * magnitude * sign. The eighth sign of a run makes their number even.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ2_XXS : IIntegerSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 66;

    /// <summary>Scale of the super-block, half precision.</summary>
    public ushort D;

    /// <summary>Eight bytes a block: four indices; then 32 bits, of which the lower 28 are the first seven signs of four runs
    /// (set: negative) and the upper four the scale.</summary>
    public fixed byte Qs[64];

    public static GgmlType Type => GgmlType.IQ2_XXS;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => ((IQ2_XXS*)block)->D << 16;

    public static float Factor => 1f / 8;

    public static int Scale(byte* block, int j) => 2 * (((IQ2_XXS*)block)->Qs[8 * (j / 2) + 7] >> 4) + 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        byte* qs = ((IQ2_XXS*)block)->Qs + (j / 2 * 8);
        uint signs = Unsafe.ReadUnaligned<uint>(qs + 4);
        for (int l = j % 2 * 2; l < j % 2 * 2 + 2; l++, q += 8) Grids.Store(Grids.IQ2_XXS[qs[l]], Grids.EvenSigns(signs >> (7 * l)), q);
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<IQ2_XXS>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<IQ2_XXS>(row, k, x, groupStride);
}
