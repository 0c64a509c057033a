using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>AVX-512.</summary>
internal readonly unsafe struct Quantize512 : IQuantize
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint AbsMax(float* x, int n)
    {
        Vector512<int> mask = Vector512.Create(0x7fffffff), m0 = default, m1 = default;
        for (int i = 0; i < n; i += 32)
        {
            m0 = Avx512F.Max(m0, Vector512.Load((int*)x + i) & mask);
            m1 = Avx512F.Max(m1, Vector512.Load((int*)x + i + 16) & mask);
        }
        m0 = Avx512F.Max(m0, m1);
        Vector256<int> m = Avx2.Max(m0.GetLower(), m0.GetUpper());
        return Quantize256.Largest(Sse41.Max(m.GetLower(), m.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<sbyte> Pack(float* x, float inverse) => Avx2.InsertVector128(
        Avx512F.ConvertToVector128SByteWithSaturation(Round(x, inverse)).ToVector256Unsafe(),
        Avx512F.ConvertToVector128SByteWithSaturation(Round(x + 16, inverse)), 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Round(float* x, float inverse) => Avx512F.ConvertToVector512Int32(
        Avx512F.Min(Avx512F.Max(Vector512.Load(x) * Vector512.Create(inverse), Vector512.Create(-127f)), Vector512.Create(127f)));
}
