using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>A function of single values; each is a struct of this name in Elementwise.cs.</summary>
internal enum Elementwise
{
    Silu,
    Gelu,
    Relu,
    ReluSquared,
    SwiGluOai,
    Xielu,
    SiluClamped,
    ClampedSilu,
    Sigmoid,
    Softplus,
    Scale,
    SoftCap,
    Clamp,
    Tanh,
}

/// <summary>A function f(x) of single values, or f(x, y) of pairs, which is f(x) * y where nothing else is said. Scalar and lanes do the
/// same operations in the same order. p holds its parameters.</summary>
internal unsafe interface IElementwise
{
    /// <summary>f(x).</summary>
    static abstract float Of(float x, float* p);

    /// <summary>f(x), lane by lane.</summary>
    static abstract TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes>;
}

/// <summary>A function whose form for pairs is its own.</summary>
internal unsafe interface IPairwise : IElementwise
{
    /// <summary>f(x, y).</summary>
    static abstract float Of(float x, float y, float* p);

    /// <summary>f(x, y), lane by lane.</summary>
    static abstract TLanes Of<TLanes>(TLanes x, TLanes y, float* p) where TLanes : struct, ILanes<TLanes>;
}

/// <summary>x / (1 + e^-x).</summary>
internal readonly unsafe struct Silu : IElementwise
{
    public static float Of(float x, float* p) => x / (1f + ScalarMath.Exp(x * -1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> =>
        TLanes.Divide(x, TLanes.Add(TLanes.Broadcast(1f), LaneMath<TLanes>.Exp(TLanes.Multiply(x, TLanes.Broadcast(-1f)))));
}

/// <summary>GELU's tanh form, x/2 (1 + tanh(z)) with z = sqrt(2/pi) x (1 + 0.044715 x^2), as x / (1 + e^-2z).</summary>
internal readonly unsafe struct Gelu : IElementwise
{
    private const float MinusTwoRootTwoOverPi = -1.5957691216f, Cubic = 0.044715f;

    public static float Of(float x, float* p) =>
        x / (1f + ScalarMath.Exp(x * MinusTwoRootTwoOverPi * MathF.FusedMultiplyAdd(x * x, Cubic, 1f)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes>
    {
        TLanes inner = TLanes.Fma(TLanes.Multiply(x, x), TLanes.Broadcast(Cubic), TLanes.Broadcast(1f));
        TLanes z = TLanes.Multiply(TLanes.Multiply(x, TLanes.Broadcast(MinusTwoRootTwoOverPi)), inner);
        return TLanes.Divide(x, TLanes.Add(TLanes.Broadcast(1f), LaneMath<TLanes>.Exp(z)));
    }
}

/// <summary>max(x, 0).</summary>
internal readonly unsafe struct Relu : IElementwise
{
    public static float Of(float x, float* p) => x < 0 ? 0 : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> => TLanes.ZeroWhereLess(x, TLanes.Zero, x);
}

/// <summary>max(x, 0)^2.</summary>
internal readonly unsafe struct ReluSquared : IElementwise
{
    public static float Of(float x, float* p) => x < 0 ? 0 : x * x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> =>
        TLanes.ZeroWhereLess(x, TLanes.Zero, TLanes.Multiply(x, x));
}

/// <summary>gpt-oss: g / (1 + e^-1.702 g) * (u + 1) with g at most 7 and u within -7..7.</summary>
internal readonly unsafe struct SwiGluOai : IPairwise
{
    private const float Limit = 7, MinusAlpha = -1.702f;

    public static float Of(float x, float* p)
    {
        float g = ScalarMath.Min(x, Limit);
        return g / (1f + ScalarMath.Exp(g * MinusAlpha));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes>
    {
        TLanes g = LaneMath<TLanes>.Min(x, TLanes.Broadcast(Limit));
        return TLanes.Divide(g, TLanes.Add(TLanes.Broadcast(1f), LaneMath<TLanes>.Exp(TLanes.Multiply(g, TLanes.Broadcast(MinusAlpha)))));
    }

    public static float Of(float x, float y, float* p) => Of(x, p) * (ScalarMath.Clamp(y, Limit) + 1f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, TLanes y, float* p) where TLanes : struct, ILanes<TLanes> =>
        TLanes.Multiply(Of(x, p), TLanes.Add(LaneMath<TLanes>.Clamp(y, TLanes.Broadcast(Limit)), TLanes.Broadcast(1f)));
}

/// <summary>xIELU: p0 x^2 + p2 x where x is above 0, else (e^min(x, p3) - 1 - x) p1 + p2 x.</summary>
internal readonly unsafe struct Xielu : IElementwise
{
    public static float Of(float x, float* p) =>
        0 < x ? MathF.FusedMultiplyAdd(x * x, p[0], x * p[2]) : MathF.FusedMultiplyAdd(ScalarMath.Exp(ScalarMath.Min(x, p[3])) - 1f - x, p[1], x * p[2]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes>
    {
        TLanes linear = TLanes.Multiply(x, TLanes.Broadcast(p[2]));
        TLanes positive = TLanes.Fma(TLanes.Multiply(x, x), TLanes.Broadcast(p[0]), linear);
        TLanes e = LaneMath<TLanes>.Exp(LaneMath<TLanes>.Min(x, TLanes.Broadcast(p[3])));
        TLanes negative = TLanes.Fma(TLanes.Subtract(TLanes.Subtract(e, TLanes.Broadcast(1f)), x), TLanes.Broadcast(p[1]), linear);
        return TLanes.SelectLess(TLanes.Zero, x, positive, negative);
    }
}

/// <summary>min(silu(x), p0) * y, y within -p0..p0.</summary>
internal readonly unsafe struct SiluClamped : IPairwise
{
    public static float Of(float x, float* p) => ScalarMath.Min(Silu.Of(x, p), p[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> =>
        LaneMath<TLanes>.Min(Silu.Of(x, p), TLanes.Broadcast(p[0]));

    public static float Of(float x, float y, float* p) => Of(x, p) * ScalarMath.Clamp(y, p[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, TLanes y, float* p) where TLanes : struct, ILanes<TLanes> =>
        TLanes.Multiply(Of(x, p), LaneMath<TLanes>.Clamp(y, TLanes.Broadcast(p[0])));
}

/// <summary>silu(min(x, p0)) * y, y within -p0..p0.</summary>
internal readonly unsafe struct ClampedSilu : IPairwise
{
    public static float Of(float x, float* p) => Silu.Of(ScalarMath.Min(x, p[0]), p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> =>
        Silu.Of(LaneMath<TLanes>.Min(x, TLanes.Broadcast(p[0])), p);

    public static float Of(float x, float y, float* p) => Of(x, p) * ScalarMath.Clamp(y, p[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, TLanes y, float* p) where TLanes : struct, ILanes<TLanes> =>
        TLanes.Multiply(Of(x, p), LaneMath<TLanes>.Clamp(y, TLanes.Broadcast(p[0])));
}

/// <summary>1 / (1 + e^-x).</summary>
internal readonly unsafe struct Sigmoid : IElementwise
{
    public static float Of(float x, float* p) => 1f / (1f + ScalarMath.Exp(x * -1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> =>
        TLanes.Divide(TLanes.Broadcast(1f), TLanes.Add(TLanes.Broadcast(1f), LaneMath<TLanes>.Exp(TLanes.Multiply(x, TLanes.Broadcast(-1f)))));
}

/// <summary>ln(1 + e^x), and x itself above 20.</summary>
internal readonly unsafe struct Softplus : IElementwise
{
    // ln(1 + e) = 2 atanh(s) with s = e / (2 + e), and e = e^-|x| is at most 1, so s^2 at most 1/9: eight terms give a float.
    private const float T3 = 2f / 3, T5 = 2f / 5, T7 = 2f / 7, T9 = 2f / 9, T11 = 2f / 11, T13 = 2f / 13, T15 = 2f / 15;

    public static float Of(float x, float* p)
    {
        if (20 < x) return x;
        float positive = x < 0 ? 0 : x;
        float e = ScalarMath.Exp(x < 0 ? x : x * -1f);
        float s = e / (e + 2f), s2 = s * s;
        float t = MathF.FusedMultiplyAdd(T15, s2, T13);
        t = MathF.FusedMultiplyAdd(t, s2, T11);
        t = MathF.FusedMultiplyAdd(t, s2, T9);
        t = MathF.FusedMultiplyAdd(t, s2, T7);
        t = MathF.FusedMultiplyAdd(t, s2, T5);
        t = MathF.FusedMultiplyAdd(t, s2, T3);
        t = MathF.FusedMultiplyAdd(t, s2, 2f);
        return MathF.FusedMultiplyAdd(t, s, positive);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes>
    {
        TLanes e = LaneMath<TLanes>.Exp(TLanes.SelectLess(x, TLanes.Zero, x, TLanes.Multiply(x, TLanes.Broadcast(-1f))));
        TLanes s = TLanes.Divide(e, TLanes.Add(e, TLanes.Broadcast(2f))), s2 = TLanes.Multiply(s, s);
        TLanes t = TLanes.Fma(TLanes.Broadcast(T15), s2, TLanes.Broadcast(T13));
        t = TLanes.Fma(t, s2, TLanes.Broadcast(T11));
        t = TLanes.Fma(t, s2, TLanes.Broadcast(T9));
        t = TLanes.Fma(t, s2, TLanes.Broadcast(T7));
        t = TLanes.Fma(t, s2, TLanes.Broadcast(T5));
        t = TLanes.Fma(t, s2, TLanes.Broadcast(T3));
        t = TLanes.Fma(t, s2, TLanes.Broadcast(2f));
        t = TLanes.Fma(t, s, TLanes.ZeroWhereLess(x, TLanes.Zero, x));
        return TLanes.SelectLess(TLanes.Broadcast(20f), x, x, t);
    }
}

/// <summary>x * p0.</summary>
internal readonly unsafe struct Scale : IElementwise
{
    public static float Of(float x, float* p) => x * p[0];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> => TLanes.Multiply(x, TLanes.Broadcast(p[0]));
}

/// <summary>p0 * tanh(x / p0).</summary>
internal readonly unsafe struct SoftCap : IElementwise
{
    public static float Of(float x, float* p) => ScalarMath.SoftCap(x, p[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> => LaneMath<TLanes>.SoftCap(x, TLanes.Broadcast(p[0]));
}

/// <summary>x within -p0..p0.</summary>
internal readonly unsafe struct Clamp : IElementwise
{
    public static float Of(float x, float* p) => ScalarMath.Clamp(x, p[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> => LaneMath<TLanes>.Clamp(x, TLanes.Broadcast(p[0]));
}

/// <summary>tanh(x).</summary>
internal readonly unsafe struct Tanh : IElementwise
{
    public static float Of(float x, float* p) => ScalarMath.Tanh(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of<TLanes>(TLanes x, float* p) where TLanes : struct, ILanes<TLanes> => LaneMath<TLanes>.Tanh(x);
}
