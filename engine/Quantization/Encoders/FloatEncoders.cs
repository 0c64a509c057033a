using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>Rows to F32: as they are.</summary>
internal readonly unsafe struct F32Encoder : IRowEncoder
{
    public static GgmlType Type => GgmlType.F32;

    public static bool UsesWeights => false;

    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes> =>
        Buffer.MemoryCopy(x, row, (long)k * sizeof(float), (long)k * sizeof(float));
}

/// <summary>Rows to F16: <see cref="HalfFloat.FromSingle"/>, four at a time.</summary>
internal readonly unsafe struct F16Encoder : IRowEncoder
{
    public static GgmlType Type => GgmlType.F16;

    public static bool UsesWeights => false;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes>
    {
        var y = (ushort*)row;
        int i = 0;
        for (; i + 8 <= k; i += 8) Vector128.Narrow(Half(x + i), Half(x + i + 4)).Store(y + i);
        for (; i < k; i++) y[i] = HalfFloat.FromSingle(x[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Half(float* x)
    {
        Vector128<uint> bits = Vector128.Load((uint*)x), magnitude = bits & Vector128.Create(0x7fffffffu);
        Vector128<uint> sign = (bits >> 16) & Vector128.Create(0x8000u), even = (magnitude >> 13) & Vector128<uint>.One;
        Vector128<uint> normal = (magnitude - Vector128.Create(0x38000000u - 0xfffu) + even) >> 13;
        Vector128<uint> subnormal = (magnitude.AsSingle() + Vector128.Create(0.5f)).AsUInt32() - Vector128.Create(0x3f000000u);
        Vector128<uint> half = Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(0x38800000u)), subnormal, normal);
        return sign | Vector128.ConditionalSelect(Vector128.LessThan(magnitude, Vector128.Create(0x477ff000u)), half, Vector128.Create(0x7bffu));
    }
}

/// <summary>Rows to BF16: to nearest even; what would become infinite stays the largest number there is.</summary>
internal readonly unsafe struct BF16Encoder : IRowEncoder
{
    public static GgmlType Type => GgmlType.BF16;

    public static bool UsesWeights => false;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Encode<TLanes>(float* x, float* weights, int k, byte* row, float* memory) where TLanes : struct, ILanes<TLanes>
    {
        var y = (ushort*)row;
        for (int i = 0; i < k; i++) y[i] = HalfFloat.ToBFloat16(x[i]);
    }
}
