using System.Runtime.CompilerServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>The numbers that a value can become, before they are multiplied with a block's scale.</summary>
internal interface ILevels
{
    /// <summary>The nearest level.</summary>
    static abstract TLanes Nearest<TLanes>(TLanes v) where TLanes : struct, ILanes<TLanes>;
}

/// <summary>A number of bits.</summary>
internal interface IBits
{
    /// <summary>Bits of a level.</summary>
    static abstract int Bits { get; }
}

/// <summary>Integers from -2^(Bits-1) to 2^(Bits-1) - 1.</summary>
internal readonly struct SignedLevels<TBits> : ILevels where TBits : IBits
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Nearest<TLanes>(TLanes v) where TLanes : struct, ILanes<TLanes> =>
        TLanes.Round(TLanes.Min(TLanes.Max(v, TLanes.Broadcast(-(1 << (TBits.Bits - 1)))), TLanes.Broadcast((1 << (TBits.Bits - 1)) - 1)));
}

/// <summary>3 bits.</summary>
internal readonly struct Bits3 : IBits
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3;
    }
}

/// <summary>4 bits.</summary>
internal readonly struct Bits4 : IBits
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }
}

/// <summary>5 bits.</summary>
internal readonly struct Bits5 : IBits
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 5;
    }
}

/// <summary>6 bits.</summary>
internal readonly struct Bits6 : IBits
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 6;
    }
}
