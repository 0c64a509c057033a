using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>AVX2.</summary>
internal readonly unsafe struct Quantize256 : IQuantize
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint AbsMax(float* x, int n)
    {
        // Without their signs the patterns are positive integers too.
        Vector256<int> mask = Vector256.Create(0x7fffffff), m0 = default, m1 = default;
        for (int i = 0; i < n; i += 16)
        {
            m0 = Avx2.Max(m0, Vector256.Load((int*)x + i) & mask);
            m1 = Avx2.Max(m1, Vector256.Load((int*)x + i + 8) & mask);
        }
        m0 = Avx2.Max(m0, m1);
        return Largest(Sse41.Max(m0.GetLower(), m0.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Pack(float* x, float inverse)
    {
        // Packing works in halves: eight dwords of values 0-3, 8-11, 16-19, 24-27, 4-7, ... to be put in order.
        Vector256<short> a = Avx2.PackSignedSaturate(Round(x, inverse), Round(x + 8, inverse));
        Vector256<short> b = Avx2.PackSignedSaturate(Round(x + 16, inverse), Round(x + 24, inverse));
        return Avx2.PermuteVar8x32(Avx2.PackSignedSaturate(a, b).AsInt32(), Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)).AsSByte();
    }

    /// <summary>The largest of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Largest(Vector128<int> m)
    {
        m = Sse41.Max(m, Sse2.Shuffle(m, 0b01_00_11_10));
        m = Sse41.Max(m, Sse2.Shuffle(m, 0b10_11_00_01));
        return m.AsUInt32().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Round(float* x, float inverse) => Avx.ConvertToVector256Int32(
        Avx.Min(Avx.Max(Vector256.Load(x) * Vector256.Create(inverse), Vector256.Create(-127f)), Vector256.Create(127f)));
}
