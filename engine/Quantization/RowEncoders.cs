using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>The encoder of a tensor type, for an instruction set: <see cref="IRowEncoder"/>.</summary>
internal sealed unsafe class RowEncoder(GgmlType type, bool usesWeights, delegate*<float*, float*, int, byte*, float*, void> encode)
{
    /// <summary>The tensor type.</summary>
    public GgmlType Type => type;

    /// <summary>Whether it asks for the weights of values.</summary>
    public bool UsesWeights => usesWeights;

    /// <summary>Encodes a row: (x, weights, k, row, memory).</summary>
    public delegate*<float*, float*, int, byte*, float*, void> Encode { get; } = encode;
}

/// <summary>What turns rows into other rows: a reader, and an encoder of each tensor type.</summary>
internal sealed unsafe class RowEncoders
{
    /// <summary>Floats of working memory that an encoder needs.</summary>
    public const int MemoryFloats = BlockTile.Floats + 16 * BlockTile.Lanes;

    private readonly List<RowEncoder> _encoders = [];

    private RowEncoders(delegate*<GgmlType, byte*, int, float*, void> read, delegate*<float*, float*, int, float*, void> weigh)
    {
        Read = read;
        Weigh = weigh;
    }

    /// <summary>The types there are encoders for, in the order of lists for people.</summary>
    public static IReadOnlyList<GgmlType> Types { get; } = [.. Make<Lanes128>()._encoders.Select(encoder => encoder.Type)];

    /// <summary>Reads a row as floats: (type, row, k, y).</summary>
    public delegate*<GgmlType, byte*, int, float*, void> Read { get; }

    /// <summary>Sets the weights of a row's values: <see cref="RowWeights.Compute"/>.</summary>
    public delegate*<float*, float*, int, float*, void> Weigh { get; }

    /// <summary>Those for an instruction set; all give the same bits.</summary>
    public static RowEncoders For(Isa isa) => isa switch
    {
        Isa.Avx512 => Make<Lanes512>(),
        Isa.Avx2 or Isa.AvxVnni => Make<Lanes256>(),
        _ => Make<Lanes128>(), // plain processors have 128 bits at least, or the runtime does it value by value
    };

    /// <summary>The encoder of a type that is in <see cref="Types"/>.</summary>
    public RowEncoder this[GgmlType type] =>
        _encoders.Find(encoder => encoder.Type == type) ?? throw new EdgeLlmException(ErrorCode.Unsupported, $"cannot quantize to type {type}");

    private static RowEncoders Make<TLanes>() where TLanes : struct, ILanes<TLanes>
    {
        var encoders = new RowEncoders(&RowReader.Read<TLanes>, &RowWeights.Compute<TLanes>);
        encoders.Add<TLanes, F32Encoder>();
        encoders.Add<TLanes, F16Encoder>();
        encoders.Add<TLanes, BF16Encoder>();
        encoders.Add<TLanes, Q4_0Encoder>();
        encoders.Add<TLanes, Q4_1Encoder>();
        encoders.Add<TLanes, Q5_0Encoder>();
        encoders.Add<TLanes, Q5_1Encoder>();
        encoders.Add<TLanes, Q8_0Encoder>();
        encoders.Add<TLanes, Q2_KEncoder>();
        encoders.Add<TLanes, Q3_KEncoder>();
        encoders.Add<TLanes, Q4_KEncoder>();
        encoders.Add<TLanes, Q5_KEncoder>();
        encoders.Add<TLanes, Q6_KEncoder>();
        encoders.Add<TLanes, IQ4_NLEncoder>();
        encoders.Add<TLanes, IQ4_XSEncoder>();
        encoders.Add<TLanes, MXFP4Encoder>();
        return encoders;
    }

    private void Add<TLanes, TEncoder>() where TLanes : struct, ILanes<TLanes> where TEncoder : IRowEncoder =>
        _encoders.Add(new RowEncoder(TEncoder.Type, TEncoder.UsesWeights, &TEncoder.Encode<TLanes>));
}
