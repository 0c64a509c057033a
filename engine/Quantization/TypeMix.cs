namespace Edge.Llm.Quantization;

/// <summary>Chooses each tensor's type as llama.cpp does. Tensors are asked for in the order of their layers: of the tensors of a kind it
/// matters how many came before.</summary>
internal sealed class TypeMix
{
    private readonly FileType _file;
    private readonly GgmlType _type;
    private readonly ModelTraits _model;
    private readonly int _attnVCount;
    private int _attnVIndex, _ffnDownIndex;

    /// <summary>Chooses for a model of these tensors.</summary>
    public TypeMix(FileType file, ModelTraits model, IEnumerable<Tensor> tensors)
    {
        _file = file;
        _type = file.Type ?? throw new ArgumentException("a copy has no types to choose", nameof(file));
        _model = model;
        _attnVCount = tensors.Count(tensor => TensorNames.Role(tensor.Name) == TensorRole.AttnV);
    }

    /// <summary>The type of the next tensor.</summary>
    public GgmlType Choose(Tensor tensor)
    {
        if (GgmlTypes.Get(_type).BlockLength == 1) return _type;
        return TensorNames.Role(tensor.Name) switch
        {
            _ when _model.IsOutput(tensor) => Output(tensor),
            _ when _file.BesidesExperts is { } other => tensor.Ne2 > 1 ? _type : other,
            TensorRole.AttnV => AttnV(),
            TensorRole.AttnK when _model.Experts == 8 => GgmlType.Q8_0,
            TensorRole.AttnOutput when _model.Experts == 8 => _file.AttnOutputOfEightExperts ?? _type,
            TensorRole.AttnOutput => _file.AttnOutput?.Invoke(new LayerTensor(0, 0, _model)) ?? _type,
            TensorRole.FfnDown => FfnDown(tensor.Name),
            _ => _type,
        };
    }

    /// <summary>A type whose block length divides the row, where that of the chosen one does not.</summary>
    public static GgmlType Fit(GgmlType type, long rowLength)
    {
        if (rowLength % GgmlTypes.Get(type).BlockLength == 0) return type;
        GgmlType smaller = type switch
        {
            GgmlType.IQ4_XS => GgmlType.IQ4_NL,
            GgmlType.Q2_K or GgmlType.Q3_K => GgmlType.Q4_0,
            GgmlType.Q4_K => GgmlType.Q5_0,
            GgmlType.Q5_K => GgmlType.Q5_1,
            GgmlType.Q6_K => GgmlType.Q8_0,
            _ => GgmlType.F16,
        };
        return rowLength % GgmlTypes.Get(smaller).BlockLength == 0 ? smaller : GgmlType.F16;
    }

    private GgmlType Output(Tensor tensor)
    {
        bool fits = tensor.Ne0 % GgmlTypes.Get(_type).BlockLength == 0;
        return _file.BesidesExperts ?? (_model.IsFalcon || !fits || _type == GgmlType.Q8_0 ? GgmlType.Q8_0 : GgmlType.Q6_K);
    }

    private GgmlType AttnV()
    {
        GgmlType type = _file.AttnV?.Invoke(new LayerTensor(_attnVIndex++, _attnVCount, _model)) ?? _type;
        if (_model.SharesValuesWidely && type is GgmlType.Q3_K or GgmlType.Q4_K) type = GgmlType.Q5_K;
        return _model.Experts == 8 ? GgmlType.Q8_0 : type;
    }

    // Of a dense model the order counts; of one with experts, which may have several such tensors in a layer, the layer.
    private GgmlType FfnDown(string name)
    {
        int layer = TensorNames.Layer(name), index = _model.Experts > 1 && layer >= 0 ? layer : _ffnDownIndex;
        _ffnDownIndex++;
        return _file.FfnDown?.Invoke(new LayerTensor(index, _model.Layers, _model)) ?? _type;
    }
}
