using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Looks for NaN and infinity.</summary>
internal static unsafe class Finite
{
    /// <summary>Every value is a finite number.</summary>
    public static bool All(float* x, int n)
    {
        Vector128<uint> infinity = Vector128.Create(0x7f800000u), bad = default;
        int i = 0;
        for (; i + 4 <= n; i += 4) bad |= Vector128.Equals(Vector128.Load((uint*)x + i) & infinity, infinity);
        bool finite = bad == Vector128<uint>.Zero;
        for (; i < n; i++) finite &= float.IsFinite(x[i]);
        return finite;
    }

    /// <summary>Every half is a finite number; they stand <paramref name="step"/> bytes apart.</summary>
    public static bool Halves(byte* p, int count, int step)
    {
        const int Exponent = 0x7c00;
        bool finite = true;
        for (int i = 0; i < count; i++, p += step) finite &= (*(ushort*)p & Exponent) != Exponent;
        return finite;
    }

    /// <summary>Every value is a finite number.</summary>
    public static bool All(ReadOnlySpan<float> x)
    {
        fixed (float* p = x) return All(p, x.Length);
    }
}
