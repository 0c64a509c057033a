using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q1_0"/> for the 512-bit Gemm: bits become 0 or 2, one too many.</summary>
internal readonly unsafe struct Q1_0_Vector512 : IUnpack512, IGroup<Q1_0>
{
    public static int OffsetBits => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector512<float> d, out Vector512<float> m)
    {
        d = HalfFloat.LowerToSingle(Transpose512.Dwords((byte*)((Q1_0*)group + b / 4), rowBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixteenRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        // Bit i of four to bit 1 of byte i: a product moves it to bit 4 by 4 + 7i, and no two of its terms meet.
        Vector512<int> bits = Transpose512.Dwords(((Q1_0*)group)[b / 4].Qs + (4 * (b % 4)), rowBytes);
        for (int j = 0; j < 8; j++, bits >>>= 4, tile += 128)
        {
            Vector512<int> spread = Avx512F.MultiplyLow(bits & Vector512.Create(15), Vector512.Create(0x02040810));
            ((spread >>> 3) & Vector512.Create(0x02020202)).Store((int*)tile);
        }
    }
}
