using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Kernels;

/// <summary>1.6875 bits a weight: a super-block of 256, w = D * (t - 1), t in 0..2, five of them in most bytes. A byte b is a fraction
/// b / 256 whose first digits in base 3 are its values: t = 3b / 256 rounded down, then b becomes the last eight bits of 3b.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct TQ1_0 : IIntegerSuperBlock, IUnsignedSuperBlock
{
    /// <summary>Bytes of one super-block.</summary>
    public const int Bytes = 54;

    /// <summary>Five values a byte: digit n of bytes 0..31 is values 32n.., digit n of bytes 32..47 is values 160 + 16n...</summary>
    public fixed byte Qs[48];

    /// <summary>Four values a byte: digit n is values 240 + 4n...</summary>
    public fixed byte Qh[4];

    /// <summary>Scale of the super-block, half precision.</summary>
    public ushort D;

    public static GgmlType Type => GgmlType.TQ1_0;

    public static ActivationFormat Activation => ActivationFormat.Q8_K;

    public static int GroupBytes => Bytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ScalePair(byte* block) => *(int*)(block + 50);

    /// <summary>8 * 2 * 2 * 127 = 4,064.</summary>
    public static int ProductsPerInt16 => 8;

    public static int Scale(byte* block, int j) => 1;

    public static void Quants(byte* block, int j, sbyte* q)
    {
        var b = (TQ1_0*)block;
        for (int i = 16 * j; i < 16 * j + 16; i++)
            *q++ = i < 160 ? Digit(b->Qs[i % 32], i / 32) : i < 240 ? Digit(b->Qs[32 + i % 16], i / 16 - 10) : Digit(b->Qh[i % 4], i / 4 - 60);
    }

    public static void Dequantize(byte* block, float* y) => IntegerSuperBlock.Dequantize<TQ1_0>(block, y);

    public static float VecDot(byte* row, int k, byte* x, nint groupStride) => IntegerSuperBlock.VecDot<TQ1_0>(row, k, x, groupStride);

    private static sbyte Digit(byte b, int n)
    {
        for (; n > 0; n--) b *= 3;
        return (sbyte)((3 * b >> 8) - 1);
    }
}
