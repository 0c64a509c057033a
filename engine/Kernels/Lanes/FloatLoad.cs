using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>How sixteen weights of a float format are loaded.</summary>
internal unsafe interface IFloatLoad
{
    /// <summary>Bytes of a value.</summary>
    static abstract int ValueBytes { get; }

    /// <summary>Sixteen values to floats.</summary>
    static abstract TLanes Load<TLanes>(byte* p) where TLanes : struct, ILanes<TLanes>;
}

/// <summary>F32.</summary>
internal unsafe readonly struct LoadF32 : IFloatLoad
{
    public static int ValueBytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* p) where TLanes : struct, ILanes<TLanes> => TLanes.Load((float*)p);
}

/// <summary>F16.</summary>
internal unsafe readonly struct LoadF16 : IFloatLoad
{
    public static int ValueBytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* p) where TLanes : struct, ILanes<TLanes> => TLanes.LoadHalf((ushort*)p);
}

/// <summary>BF16.</summary>
internal unsafe readonly struct LoadBF16 : IFloatLoad
{
    public static int ValueBytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* p) where TLanes : struct, ILanes<TLanes> => TLanes.LoadBFloat16((ushort*)p);
}
