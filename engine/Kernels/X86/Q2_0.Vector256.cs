using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q2_0"/> at 256 bits: 0..3, one too many.</summary>
internal readonly unsafe struct Q2_0_Vector256 : IUnpack256, IGroup<Q2_0>
{
    public static int OffsetBits => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Quants(byte* group, int b) =>
        Spread(Avx2.ConvertToVector256Int32(((Q2_0*)group)[b / 2].Qs + (8 * (b % 2)))).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scales(byte* group, out Vector256<float> d, out Vector256<float> m)
    {
        var w = (Q2_0*)group;
        int d0 = w[0].D, d1 = w[1].D, d2 = w[2].D, d3 = w[3].D;
        d = HalfFloat.LowerToSingle(Vector256.Create(d0, d0, d1, d1, d2, d2, d3, d3));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RowScales(byte* group, int b, nint rowBytes, out Vector256<float> d, out Vector256<float> m)
    {
        d = HalfFloat.LowerToSingle(Transpose256.Dwords((byte*)((Q2_0*)group + b / 2), rowBytes));
        m = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EightRows(byte* group, int b, nint rowBytes, byte* tile)
    {
        byte* q = ((Q2_0*)group)[b / 2].Qs + (8 * (b % 2));
        for (int half = 0; half < 2; half++, q += 4)
        {
            Vector256<int> bytes = Transpose256.Dwords(q, rowBytes), one = Vector256.Create(255);
            for (int j = 0; j < 4; j++, bytes >>>= 8, tile += 64) Spread(bytes & one).Store((int*)tile);
        }
    }

    // Four pairs of bits to four bytes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Spread(Vector256<int> q)
    {
        Vector256<int> nibbles = (q | (q << 12)) & Vector256.Create(0x000f000f);
        return (nibbles | (nibbles << 6)) & Vector256.Create(0x03030303);
    }
}
