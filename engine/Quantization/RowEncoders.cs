using Edge.Llm.Gguf;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>What turns rows into other rows: a reader, and an encoder of each tensor type.</summary>
internal sealed unsafe class RowEncoders
{
    /// <summary>Floats of working memory that an encoder needs.</summary>
    public const int MemoryFloats = BlockTile.Floats + 16 * BlockTile.Lanes;

    private readonly List<(GgmlType Type, nint Encode)> _encoders = [];

    private RowEncoders(delegate*<GgmlType, byte*, int, float*, void> read) => Read = read;

    /// <summary>The types there are encoders for, in the order of lists for people.</summary>
    public static IReadOnlyList<GgmlType> Types { get; } = [.. Make<Lanes128>()._encoders.Select(encoder => encoder.Type)];

    /// <summary>Reads a row as floats: (type, row, k, y).</summary>
    public delegate*<GgmlType, byte*, int, float*, void> Read { get; }

    /// <summary>Those for an instruction set; all give the same bits.</summary>
    public static RowEncoders For(Isa isa) => isa switch
    {
        Isa.Avx512 => Make<Lanes512>(),
        Isa.Avx2 or Isa.AvxVnni => Make<Lanes256>(),
        _ => Make<Lanes128>(), // plain processors have 128 bits at least, or the runtime does it value by value
    };

    /// <summary>The encoder of a type that is in <see cref="Types"/>: <see cref="IRowEncoder.Encode"/>.</summary>
    public delegate*<float*, float*, int, byte*, float*, void> this[GgmlType type]
    {
        get
        {
            foreach ((GgmlType candidate, nint encode) in _encoders)
                if (candidate == type)
                    return (delegate*<float*, float*, int, byte*, float*, void>)encode;
            throw new EdgeLlmException(ErrorCode.Unsupported, $"cannot quantize to type {type}");
        }
    }

    private static RowEncoders Make<TLanes>() where TLanes : struct, ILanes<TLanes>
    {
        var encoders = new RowEncoders(&RowReader.Read<TLanes>);
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
        _encoders.Add((TEncoder.Type, (nint)(delegate*<float*, float*, int, byte*, float*, void>)&TEncoder.Encode<TLanes>));
}
