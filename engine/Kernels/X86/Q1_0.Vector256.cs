using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q1_0"/> at 256 bits: bits become 0 or 2, one too many.</summary>
internal readonly unsafe struct Q1_0_Vector256 : IUnpack256, IGroup<Q1_0>
{
    public static int OffsetBits => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants(byte* group, int b) =>
        CodebookX86.Mask(*(uint*)(((Q1_0*)group)[b / 4].Qs + (4 * (b % 4)))).AsByte() & Vector256.Create((byte)2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector256<float> d, out Vector256<float> m)
    {
        int d0 = ((Q1_0*)group)[0].D, d1 = ((Q1_0*)group)[1].D;
        d = HalfFloat.LowerToSingle(Vector256.Create(d0, d0, d0, d0, d1, d1, d1, d1));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector256<float> d, out Vector256<float> m)
    {
        d = HalfFloat.LowerToSingle(Transpose256.Dwords((byte*)((Q1_0*)group + b / 4), rowBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        // Bit i of four to bit 1 of byte i: a product moves it to bit 4 by 4 + 7i, and no two of its terms meet.
        Vector256<int> bits = Transpose256.Dwords(((Q1_0*)group)[b / 4].Qs + (4 * (b % 4)), rowBytes);
        for (int j = 0; j < 8; j++, bits >>>= 4, tile += 64)
        {
            Vector256<int> spread = Avx2.MultiplyLow(bits & Vector256.Create(15), Vector256.Create(0x02040810));
            ((spread >>> 3) & Vector256.Create(0x02020202)).Store((int*)tile);
        }
    }
}
