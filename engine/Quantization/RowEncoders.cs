using Edge.Llm.Gguf;
using Edge.Llm.Kernels;

namespace Edge.Llm.Quantization;

/// <summary>The encoder of each tensor type.</summary>
internal sealed unsafe class RowEncoders
{
    /// <summary>Floats of working memory that an encoder needs.</summary>
    public const int MemoryFloats = BlockTile.Floats + 16 * BlockTile.Lanes;

    private readonly Dictionary<GgmlType, nint> _encoders = [];

    /// <summary>The encoders for an instruction set; all give the same bits.</summary>
    public static RowEncoders For(Isa isa) => isa switch
    {
        Isa.Avx512 => Make<Lanes512>(),
        Isa.Avx2 or Isa.AvxVnni => Make<Lanes256>(),
        _ => Make<Lanes128>(),
    };

    /// <summary>The encoder of a type, or null.</summary>
    public delegate*<float*, float*, int, byte*, float*, void> Find(GgmlType type) =>
        _encoders.TryGetValue(type, out nint encoder) ? (delegate*<float*, float*, int, byte*, float*, void>)encoder : null;

    private static RowEncoders Make<TLanes>() where TLanes : struct, ILanes<TLanes>
    {
        var encoders = new RowEncoders();
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
        _encoders.Add(TEncoder.Type, (nint)(delegate*<float*, float*, int, byte*, float*, void>)&TEncoder.Encode<TLanes>);
}
