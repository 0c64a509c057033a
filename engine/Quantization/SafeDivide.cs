using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Division that stays finite.</summary>
internal static class SafeDivide<TLanes> where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Below this a divisor counts as zero: its reciprocal might not be finite.</summary>
    public const float Smallest = 1e-30f;

    /// <summary>a / b, or 0 where b is next to nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of(TLanes a, TLanes b)
    {
        TLanes size = TLanes.Max(b, TLanes.Subtract(TLanes.Zero, b)), least = TLanes.Broadcast(Smallest);
        return TLanes.ZeroWhereLess(size, least, TLanes.Divide(a, TLanes.SelectLess(size, least, TLanes.Broadcast(1), b)));
    }

    /// <summary>1 / b, or 0 where b is next to nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Inverse(TLanes b) => Of(TLanes.Broadcast(1), b);
}
