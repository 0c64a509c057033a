using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>3.0625 bits a weight: a super-block of 8 blocks of 32, each eight runs of four values whose magnitudes are an entry of
/// <see cref="Grids.IQ3_XXS"/>; w = D / 4 * (2 * scale + 1) * magnitude * sign. The last sign of two runs makes their number even.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct IQ3_XXS : IIntegerSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 98;

    /// <summary>Scale of the super-block, half precision.</summary>
    public ushort D;

    /// <summary>The runs' indices.</summary>
    public fixed byte Qs[64];

    /// <summary>32 bits a block: the lower 28 are the first seven signs (set: negative) of four pairs of runs, the upper four the
    /// scale. (Bytes: the words are not aligned.)</summary>
    public fixed byte Signs[32];

    public static GgmlType Type => GgmlType.IQ3_XXS;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => ((IQ3_XXS*)block)->D << 16;

    public static float Factor => 1f / 4;

    public static int Scale(byte* block, int j) => 2 * (((IQ3_XXS*)block)->Signs[4 * (j / 2) + 3] >> 4) + 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        var b = (IQ3_XXS*)block;
        uint signs = Unsafe.ReadUnaligned<uint>(b->Signs + (j / 2 * 4));
        byte* qs = b->Qs + (4 * j);
        for (int l = j % 2 * 2; l < j % 2 * 2 + 2; l++, q += 8, qs += 2)
            Grids.Store(Grids.IQ3_XXS[qs[0]] | ((ulong)Grids.IQ3_XXS[qs[1]] << 32), Grids.EvenSigns(signs >> (7 * l)), q);
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<IQ3_XXS>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<IQ3_XXS>(row, k, x, groupStride);
}
