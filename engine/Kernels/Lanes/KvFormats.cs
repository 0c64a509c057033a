using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>How a KV cache keeps a row of a head, as a tensor type of GGUF keeps a row of weights. Rows are multiples of 32 values.</summary>
internal unsafe interface IKvFormat
{
    /// <summary>Bytes of 32 values.</summary>
    static abstract int Bytes32 { get; }

    /// <summary>A row of n values to floats: the reference.</summary>
    static abstract void Load(byte* row, int n, float* y);

    /// <summary>Values i..i+15 of a row; i is a multiple of 16.</summary>
    static abstract TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes>;

    /// <summary>Stores n floats and zeros up to the padded length; false if one is not finite.</summary>
    static abstract bool Store(float* x, byte* row, int n);

    /// <summary>Whether n stored values, from no matter which rows, are finite.</summary>
    static abstract bool AreFinite(byte* row, int n);
}

/// <summary>What a type of cached keys and values needs besides the kernels of an instruction set.</summary>
internal sealed unsafe class KvFormat
{
    private readonly delegate*<byte*, int, bool> _areFinite;

    private KvFormat(int bytes32, delegate*<float*, byte*, int, bool> store, delegate*<byte*, int, bool> areFinite)
    {
        Bytes32 = bytes32;
        Store = store;
        _areFinite = areFinite;
    }

    /// <summary>A row for each <see cref="KvType"/>.</summary>
    public static KvFormat[] All { get; } =
    [
        Of<KvF16>(), Of<KvF32>(), Of<KvQ8_0>(), Of<KvBF16>(), Of<KvNibbles<Q5_1>>(), Of<KvNibbles<Q5_0>>(), Of<KvNibbles<Q4_1>>(),
        Of<KvNibbles<Q4_0>>(), Of<KvIQ4_NL>(),
    ];

    /// <summary><see cref="IKvFormat.Bytes32"/>.</summary>
    public int Bytes32 { get; }

    /// <summary><see cref="IKvFormat.Store"/>.</summary>
    public delegate*<float*, byte*, int, bool> Store { get; }

    /// <summary><see cref="IKvFormat.AreFinite"/>.</summary>
    public bool AreFinite(ReadOnlySpan<byte> rows)
    {
        fixed (byte* p = rows) return _areFinite(p, rows.Length / Bytes32 * 32);
    }

    private static KvFormat Of<TFormat>() where TFormat : struct, IKvFormat => new(TFormat.Bytes32, &TFormat.Store, &TFormat.AreFinite);
}

/// <summary>A cache of halves.</summary>
internal unsafe readonly struct KvF16 : IKvFormat
{
    public static int Bytes32 => 64;

    public static void Load(byte* row, int n, float* y)
    {
        for (int i = 0; i < n; i++) y[i] = HalfFloat.ToSingle(((ushort*)row)[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes> => TLanes.LoadHalf((ushort*)row + i);

    public static bool Store(float* x, byte* row, int n)
    {
        for (int i = 0; i < AttentionArgs.PaddedHeadDim(n); i++) ((ushort*)row)[i] = i < n ? HalfFloat.FromSingle(x[i]) : (ushort)0;
        return Finite.All(x, n);
    }

    public static bool AreFinite(byte* row, int n) => Finite.Halves(row, n, sizeof(ushort));
}

/// <summary>A cache of bfloat16.</summary>
internal unsafe readonly struct KvBF16 : IKvFormat
{
    public static int Bytes32 => 64;

    public static void Load(byte* row, int n, float* y)
    {
        for (int i = 0; i < n; i++) y[i] = HalfFloat.FromBFloat16(((ushort*)row)[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes> => TLanes.LoadBFloat16((ushort*)row + i);

    public static bool Store(float* x, byte* row, int n)
    {
        for (int i = 0; i < AttentionArgs.PaddedHeadDim(n); i++) ((ushort*)row)[i] = i < n ? HalfFloat.ToBFloat16(x[i]) : (ushort)0;
        return Finite.All(x, n);
    }

    public static bool AreFinite(byte* row, int n)
    {
        bool finite = true;
        for (int i = 0; i < n; i++) finite &= float.IsFinite(HalfFloat.FromBFloat16(((ushort*)row)[i]));
        return finite;
    }
}

/// <summary>A cache of floats.</summary>
internal unsafe readonly struct KvF32 : IKvFormat
{
    public static int Bytes32 => 128;

    public static void Load(byte* row, int n, float* y) => Buffer.MemoryCopy(row, y, n * sizeof(float), n * sizeof(float));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes> => TLanes.Load((float*)row + i);

    public static bool Store(float* x, byte* row, int n)
    {
        Buffer.MemoryCopy(x, row, n * sizeof(float), n * sizeof(float));
        new Span<float>((float*)row + n, AttentionArgs.PaddedHeadDim(n) - n).Clear();
        return Finite.All(x, n);
    }

    public static bool AreFinite(byte* row, int n) => Finite.All((float*)row, n);
}

/// <summary>A cache of <see cref="Q8_0"/> blocks, quantized as activations are, the scale then rounded to half precision.</summary>
internal unsafe readonly struct KvQ8_0 : IKvFormat, IKvBlock
{
    public static int Bytes32 => Q8_0.Bytes;

    public static void Load(byte* row, int n, float* y)
    {
        for (int i = 0; i < n; i += 32, row += Q8_0.Bytes) Q8_0.Dequantize(row, y + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* row, int i) where TLanes : struct, ILanes<TLanes>
    {
        var block = (Q8_0*)row + (i / 32);
        return TLanes.Multiply(TLanes.Broadcast(HalfFloat.ToSingle(block->D)), TLanes.FromBytes(Vector128.Load(block->Qs + (i % 32))));
    }

    public static bool Store(float* x, byte* row, int n) => KvBlock.Store<KvQ8_0>(x, row, n, Q8_0.Bytes);

    public static bool AreFinite(byte* row, int n) => Finite.Halves(row, n / 32, Q8_0.Bytes);

    public static void Quantize(float* x, byte* block)
    {
        uint largest = 0;
        ((Q8_0*)block)->D = HalfFloat.FromSingle(ActivationQuantization.Block(x, ((Q8_0*)block)->Qs, 32, ref largest));
    }
}
