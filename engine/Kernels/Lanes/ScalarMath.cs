namespace Edge.Llm.Kernels;

/// <summary>exp in single precision by our own polynomial, never the platform's libm: the same bits everywhere.</summary>
internal static class ScalarMath
{
    /// <summary>Below this exp is +0 here (the true value is under the smallest normal float).</summary>
    public const float ExpLowest = -87.33654f;

    /// <summary>The argument is clamped to this. There, and from 127.5 ln 2 = 88.376 up, n is 128, whose exponent bits are those of
    /// infinity: the result is +infinity.</summary>
    public const float ExpHighest = 89f;

    /// <summary>log2(e).</summary>
    public const float Log2E = 1.44269504f;

    /// <summary>High part of ln 2: few bits, so that n * Ln2High is exact.</summary>
    public const float Ln2High = 0.693359375f;

    /// <summary>ln 2 - Ln2High.</summary>
    public const float Ln2Low = -2.12194440e-4f;

    /// <summary>Coefficients of a polynomial for exp on [-ln 2 / 2, ln 2 / 2], from the fifth power down to the second
    /// (Cephes' expf: 1 + r + r^2 * P(r)).</summary>
    public const float P0 = 1.9875691500e-4f, P1 = 1.3981999507e-3f, P2 = 8.3334519073e-3f, P3 = 4.1665795894e-2f,
        P4 = 1.6666665459e-1f, P5 = 5.0000001201e-1f;

    /// <summary>e^x: x = n ln 2 + r, n rounded half to even, e^r by the polynomial, times 2^n by the exponent bits. NaN gives NaN.</summary>
    public static float Exp(float x)
    {
        if (x < ExpLowest) return 0;
        if (x > ExpHighest) x = ExpHighest;
        float n = MathF.Round(x * Log2E);
        float r = MathF.FusedMultiplyAdd(n, -Ln2High, x);
        r = MathF.FusedMultiplyAdd(n, -Ln2Low, r);
        float p = MathF.FusedMultiplyAdd(P0, r, P1);
        p = MathF.FusedMultiplyAdd(p, r, P2);
        p = MathF.FusedMultiplyAdd(p, r, P3);
        p = MathF.FusedMultiplyAdd(p, r, P4);
        p = MathF.FusedMultiplyAdd(p, r, P5);
        p = MathF.FusedMultiplyAdd(p, r * r, r) + 1f;
        return p * BitConverter.Int32BitsToSingle(((int)n + 127) << 23);
    }

    /// <summary>tanh(x) = 1 - 2 / (e^2x + 1), to 1e-7 of 1. NaN gives NaN.</summary>
    public static float Tanh(float x) => 1f - (2f / (Exp(2f * x) + 1f));

    /// <summary>c * tanh(x / c): x where it is small, and within c everywhere.</summary>
    public static float SoftCap(float x, float c) => c * Tanh(x / c);

    /// <summary>The smaller. NaN stays NaN.</summary>
    public static float Min(float x, float limit) => limit < x ? limit : x;

    /// <summary>x within -limit..limit. NaN stays NaN.</summary>
    public static float Clamp(float x, float limit) => Min(x < limit * -1f ? limit * -1f : x, limit);
}
