using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q2_0"/> for the 512-bit Gemm: 0..3, one too many.</summary>
internal readonly unsafe struct Q2_0_Vector512 : IUnpack512, IGroup<Q2_0>
{
    public static int OffsetBits => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector512<float> d, out Vector512<float> m)
    {
        d = HalfFloat.LowerToSingle(Transpose512.Dwords((byte*)((Q2_0*)group + b / 2), rowBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SixteenRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        byte* q = ((Q2_0*)group)[b / 2].Qs + (8 * (b % 2));
        for (int half = 0; half < 2; half++, q += 4)
        {
            // Four pairs of bits of a byte to four bytes.
            Vector512<int> bytes = Transpose512.Dwords(q, rowBytes);
            for (int j = 0; j < 4; j++, bytes >>>= 8, tile += 128)
            {
                Vector512<int> one = bytes & Vector512.Create(255), nibbles = (one | (one << 12)) & Vector512.Create(0x000f000f);
                ((nibbles | (nibbles << 6)) & Vector512.Create(0x03030303)).Store((int*)tile);
            }
        }
    }
}
