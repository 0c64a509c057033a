using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Sixteen floats: one 512-bit register, two of 256 bits or four of 128. Float kernels are written once over it, and since every
/// operation is lane by lane, or the one tree of <see cref="Canonical.Tree16"/>, they give the same bits on each.</summary>
internal unsafe interface ILanes<TSelf> where TSelf : struct, ILanes<TSelf>
{
    /// <summary>Vector registers that the sixteen take.</summary>
    static abstract int Registers { get; }

    /// <summary>All +0.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>All one value.</summary>
    static abstract TSelf Broadcast(float value);

    /// <summary>Sixteen floats.</summary>
    static abstract TSelf Load(float* p);

    /// <summary>Sixteen halves, as <see cref="HalfFloat.ToSingle"/>.</summary>
    static abstract TSelf LoadHalf(ushort* p);

    /// <summary>Sixteen bfloat16.</summary>
    static abstract TSelf LoadBFloat16(ushort* p);

    /// <summary>Sixteen signed bytes to floats.</summary>
    static abstract TSelf FromBytes(Vector128<sbyte> bytes);

    /// <summary>Stores the sixteen floats.</summary>
    static abstract void Store(TSelf value, float* p);

    /// <summary>a + b.</summary>
    static abstract TSelf Add(TSelf a, TSelf b);

    /// <summary>a - b.</summary>
    static abstract TSelf Subtract(TSelf a, TSelf b);

    /// <summary>a * b.</summary>
    static abstract TSelf Multiply(TSelf a, TSelf b);

    /// <summary>a / b.</summary>
    static abstract TSelf Divide(TSelf a, TSelf b);

    /// <summary>a * b + c, rounded once.</summary>
    static abstract TSelf Fma(TSelf a, TSelf b, TSelf c);

    /// <summary>The larger; of NaN, anything.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>The smaller; of NaN, anything.</summary>
    static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>Nearest integer, ties to even.</summary>
    static abstract TSelf Round(TSelf a);

    /// <summary>Zero where a &lt; limit, else value.</summary>
    static abstract TSelf ZeroWhereLess(TSelf a, TSelf limit, TSelf value);

    /// <summary>x where a &lt; limit, else y.</summary>
    static abstract TSelf SelectLess(TSelf a, TSelf limit, TSelf x, TSelf y);

    /// <summary>2^n for integers n in -126..127 held as floats; +infinity for 128.</summary>
    static abstract TSelf PowerOfTwo(TSelf n);

    /// <summary>Neighbours exchanged: 1 0 3 2 ...</summary>
    static abstract TSelf SwapPairs(TSelf a);

    /// <summary>The sum, in the order of <see cref="Canonical.Tree16"/>.</summary>
    static abstract float Sum(TSelf a);

    /// <summary>The largest.</summary>
    static abstract float Largest(TSelf a);

    /// <summary>Stores the sums of four, each as <see cref="Sum"/>.</summary>
    static abstract void StoreSums(TSelf a, TSelf b, TSelf c, TSelf d, float* p);
}

/// <summary>What is built from lanes for all of them.</summary>
internal static class LaneMath<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>The lanes' <see cref="ScalarMath.Exp"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Exp(TLanes x)
    {
        TLanes clamped = TLanes.Min(x, TLanes.Broadcast(ScalarMath.ExpHighest));
        TLanes n = TLanes.Round(TLanes.Multiply(clamped, TLanes.Broadcast(ScalarMath.Log2E)));
        TLanes r = TLanes.Fma(n, TLanes.Broadcast(-ScalarMath.Ln2High), clamped);
        r = TLanes.Fma(n, TLanes.Broadcast(-ScalarMath.Ln2Low), r);
        TLanes p = TLanes.Fma(TLanes.Broadcast(ScalarMath.P0), r, TLanes.Broadcast(ScalarMath.P1));
        p = TLanes.Fma(p, r, TLanes.Broadcast(ScalarMath.P2));
        p = TLanes.Fma(p, r, TLanes.Broadcast(ScalarMath.P3));
        p = TLanes.Fma(p, r, TLanes.Broadcast(ScalarMath.P4));
        p = TLanes.Fma(p, r, TLanes.Broadcast(ScalarMath.P5));
        p = TLanes.Add(TLanes.Fma(p, TLanes.Multiply(r, r), r), TLanes.Broadcast(1f));
        return TLanes.ZeroWhereLess(x, TLanes.Broadcast(ScalarMath.ExpLowest), TLanes.Multiply(p, TLanes.PowerOfTwo(n)));
    }

    /// <summary>The lanes' <see cref="ScalarMath.Tanh"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Tanh(TLanes x)
    {
        TLanes e = Exp(TLanes.Multiply(TLanes.Broadcast(2f), x));
        return TLanes.Subtract(TLanes.Broadcast(1f), TLanes.Divide(TLanes.Broadcast(2f), TLanes.Add(e, TLanes.Broadcast(1f))));
    }

    /// <summary>The lanes' <see cref="ScalarMath.SoftCap"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes SoftCap(TLanes x, TLanes c) => TLanes.Multiply(c, Tanh(TLanes.Divide(x, c)));

    /// <summary>The lanes' <see cref="ScalarMath.Min"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Min(TLanes x, TLanes limit) => TLanes.SelectLess(limit, x, limit, x);

    /// <summary>The lanes' <see cref="ScalarMath.Clamp"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Clamp(TLanes x, TLanes limit)
    {
        TLanes low = TLanes.Multiply(limit, TLanes.Broadcast(-1f));
        return Min(TLanes.SelectLess(x, low, low, x), limit);
    }
}
