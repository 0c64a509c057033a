using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>How a KV cache keeps a row of a head.</summary>
internal unsafe interface IKvFormat
{
    /// <summary>Its name in the API.</summary>
    static abstract KvType Type { get; }

    /// <summary>Value i of a row.</summary>
    static abstract float Load(byte* row, int i);

    /// <summary>Stores n floats and zeros up to the padded length; false if one is not finite.</summary>
    static abstract bool Store(float* x, byte* row, int n);
}

/// <summary>A cache of halves.</summary>
internal unsafe readonly struct KvF16 : IKvFormat, IKvLoad<KvF16>
{
    public static KvType Type => KvType.F16;

    public static float Load(byte* row, int i) => HalfFloat.ToSingle(((ushort*)row)[i]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes> => TLanes.LoadHalf((ushort*)row + i);

    public static bool Store(float* x, byte* row, int n)
    {
        bool finite = true;
        for (int i = 0; i < AttentionArgs.PaddedHeadDim(n); i++)
        {
            float value = i < n ? x[i] : 0;
            finite &= float.IsFinite(value);
            ((ushort*)row)[i] = HalfFloat.FromSingle(value);
        }
        return finite;
    }
}

/// <summary>A cache of floats.</summary>
internal unsafe readonly struct KvF32 : IKvFormat, IKvLoad<KvF32>
{
    public static KvType Type => KvType.F32;

    public static float Load(byte* row, int i) => ((float*)row)[i];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes> => TLanes.Load((float*)row + i);

    public static bool Store(float* x, byte* row, int n)
    {
        bool finite = true;
        for (int i = 0; i < AttentionArgs.PaddedHeadDim(n); i++)
        {
            float value = i < n ? x[i] : 0;
            finite &= float.IsFinite(value);
            ((float*)row)[i] = value;
        }
        return finite;
    }
}

/// <summary>A cache of <see cref="Q8_0"/> blocks, quantized as activations are, the scale then rounded to half precision.</summary>
internal unsafe readonly struct KvQ8_0 : IKvFormat, IKvLoad<KvQ8_0>
{
    public static KvType Type => KvType.Q8_0;

    public static float Load(byte* row, int i)
    {
        var block = (Q8_0*)row + (i / 32);
        return HalfFloat.ToSingle(block->D) * block->Qs[i % 32];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes>
    {
        var block = (Q8_0*)row + (i / 32);
        return TLanes.Multiply(TLanes.Broadcast(HalfFloat.ToSingle(block->D)), TLanes.LoadSByte(block->Qs + (i % 32)));
    }

    public static bool Store(float* x, byte* row, int n)
    {
        uint largest = 0;
        float* padded = stackalloc float[32];
        for (int i = 0; i < n; i += 32, row += Q8_0.Bytes)
        {
            for (int j = 0; j < 32; j++) padded[j] = i + j < n ? x[i + j] : 0;
            ((Q8_0*)row)->D = HalfFloat.FromSingle(ActivationQuantization.Block(padded, ((Q8_0*)row)->Qs, 32, ref largest));
        }
        return largest < ActivationQuantization.InfinityBits;
    }
}
