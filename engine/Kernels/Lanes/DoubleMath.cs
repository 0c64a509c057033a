namespace Edge.Llm.Kernels;

/// <summary>Elementary functions in double precision from multiplications, additions and FMAs only, never the platform's libm:
/// the same bits on every machine, correct to about 1e-15.</summary>
internal static class DoubleMath
{
    private const double Ln2High = 0.693147180369123816490;    // 33 bits: n * Ln2High is exact for |n| < 2^20
    private const double Ln2Low = 1.90821492927058770002e-10;  // ln 2 - Ln2High
    private const double PiHalf = 1.57079632679489661923;
    private const double PiHalfLow = 6.123233995736766035869e-17; // pi / 2 - PiHalf
    private const double SqrtHalf = 0.70710678118654752440;

    /// <summary>1 / k!: the Taylor series of exp, sin and cos.</summary>
    private static readonly double[] s_inverseFactorials = MakeInverseFactorials(20);

    /// <summary>e^x; 0 below -708, infinity above 709.</summary>
    public static double Exp(double x)
    {
        if (double.IsNaN(x)) return x;
        if (x < -708) return 0;
        if (x > 709) return double.PositiveInfinity;
        double n = Math.Round(x * (1 / (Ln2High + Ln2Low)));
        double r = Math.FusedMultiplyAdd(n, -Ln2Low, Math.FusedMultiplyAdd(n, -Ln2High, x)); // |r| <= 0.347: 14 terms
        double p = 0;
        for (int k = 14; k >= 1; k--) p = Math.FusedMultiplyAdd(p, r, s_inverseFactorials[k]);
        return Math.FusedMultiplyAdd(p, r, 1) * BitConverter.Int64BitsToDouble(((long)n + 1023) << 52);
    }

    /// <summary>Natural logarithm of a positive normal number.</summary>
    public static double Log(double x)
    {
        if (!(x >= 2.2250738585072014e-308) || double.IsInfinity(x))
            return x > 0 && double.IsInfinity(x) ? x : x == 0 ? double.NegativeInfinity : double.NaN;
        long bits = BitConverter.DoubleToInt64Bits(x);
        double e = (bits >> 52) - 1022;
        double m = BitConverter.Int64BitsToDouble((bits & 0xfffffffffffff) | (1022L << 52)); // 0.5 <= m < 1
        if (m < SqrtHalf)
        {
            m *= 2;
            e--;
        }
        // log m = 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 0.172: s^2 / 3 + s^4 / 5 + ... in 12 terms
        double s = (m - 1) / (m + 1), s2 = s * s, series = 0;
        for (int k = 25; k >= 3; k -= 2) series = Math.FusedMultiplyAdd(series, s2, 1.0 / k);
        double low = Math.FusedMultiplyAdd(2 * s, series * s2, e * Ln2Low);
        return Math.FusedMultiplyAdd(e, Ln2High, Math.FusedMultiplyAdd(2, s, low));
    }

    /// <summary>x^y for positive x.</summary>
    public static double Pow(double x, double y) => Exp(y * Log(x));

    /// <summary>Sine and cosine of an angle in radians, |x| below 2^30.</summary>
    public static (double Sin, double Cos) SinCos(double x)
    {
        double n = Math.Round(x * (1 / PiHalf));
        double r = Math.FusedMultiplyAdd(n, -PiHalfLow, Math.FusedMultiplyAdd(n, -PiHalf, x)); // |r| <= pi/4: terms to r^19
        double r2 = -r * r, sin = 0, cos = 0;
        for (int k = 19; k >= 3; k -= 2) sin = Math.FusedMultiplyAdd(sin, r2, s_inverseFactorials[k]);
        for (int k = 20; k >= 2; k -= 2) cos = Math.FusedMultiplyAdd(cos, r2, s_inverseFactorials[k]);
        sin = Math.FusedMultiplyAdd(sin * r2, r, r);
        cos = Math.FusedMultiplyAdd(cos, r2, 1);
        return ((long)n & 3) switch
        {
            0 => (sin, cos),
            1 => (cos, -sin),
            2 => (-sin, -cos),
            _ => (-cos, sin),
        };
    }

    private static double[] MakeInverseFactorials(int last)
    {
        var values = new double[last + 1];
        double factorial = 1; // exact up to 22!
        for (int k = 0; k <= last; factorial *= ++k) values[k] = 1 / factorial;
        return values;
    }
}
