using Edge.Llm.Quantization;

namespace Edge.Llm;

/// <summary>What becomes of a tensor.</summary>
/// <param name="Source">The tensor.</param>
/// <param name="Type">Its type in the new file.</param>
/// <param name="Note">Something worth telling, or null: why it is not the type expected.</param>
/// <param name="LacksImportance">It is quantized, and the importance matrix does not have it.</param>
public sealed record PlannedTensor(Tensor Source, GgmlType Type, string? Note, bool LacksImportance = false)
{
    /// <summary>Bytes in the new file.</summary>
    public long Bytes => GgmlTypes.RowBytes(Type, Source.Ne0) * (Source.Elements / Source.Ne0);
}

/// <summary>What quantizing a file to a file type will do: known before anything is read or written but the directory.</summary>
public sealed class QuantizePlan
{
    private QuantizePlan(GgufFile input, FileType type, QuantizeOptions options, PlannedTensor[] tensors)
    {
        Input = input;
        Type = type;
        Options = options;
        Tensors = tensors;
    }

    /// <summary>The file to quantize.</summary>
    public GgufFile Input { get; }

    /// <summary>What to quantize it to.</summary>
    public FileType Type { get; }

    /// <summary>How.</summary>
    public QuantizeOptions Options { get; }

    /// <summary>All tensors in file order.</summary>
    public IReadOnlyList<PlannedTensor> Tensors { get; }

    /// <summary>Bytes of all tensors now.</summary>
    public long BytesBefore => Tensors.Sum(tensor => tensor.Source.Bytes);

    /// <summary>Bytes of all tensors then.</summary>
    public long BytesAfter => Tensors.Sum(tensor => tensor.Bytes);

    /// <summary>Decides on every tensor.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: requantizing without leave, an importance matrix missing where it is needed.
    /// Unsupported: a tensor of a type that cannot be read. InvalidFile: an importance matrix of another model.</exception>
    public static QuantizePlan Make(GgufFile input, FileType type, QuantizeOptions options)
    {
        Tensor[] all = [.. input.Tensors];
        var planned = new PlannedTensor[all.Length];
        var model = new ModelTraits(input, options.Importance is not null);
        var mix = type.Type is null ? null : new TypeMix(type, model, all);
        IEnumerable<int> byLayer = Enumerable.Range(0, all.Length).OrderBy(i => TensorNames.Layer(all[i].Name)).ThenBy(i => all[i].Name, StringComparer.Ordinal);
        foreach (int i in byLayer) planned[i] = Decide(all[i], type, mix, model, options);
        CheckImportance(planned, type, options);
        return new QuantizePlan(input, type, options, planned);
    }

    private static PlannedTensor Decide(Tensor tensor, FileType file, TypeMix? mix, ModelTraits model, QuantizeOptions options)
    {
        bool isMatrix = tensor.Ne1 > 1 || tensor.Ne2 > 1 || tensor.Ne3 > 1;
        if (mix is null || !isMatrix || !TensorNames.IsQuantizable(tensor.Name) || (options.LeaveOutput && tensor.Name == "output.weight"))
            return new PlannedTensor(tensor, tensor.Type, null);
        GgmlType wanted = Ordered(tensor, model, options) ?? (options.Pure ? file.Type!.Value : mix.Choose(tensor));
        GgmlType type = TypeMix.Fit(wanted, tensor.Ne0);
        string? note = type == wanted ? null
            : $"{tensor.Ne0} values a row are no multiple of {GgmlTypes.Get(wanted).BlockLength}: {Name(type)} instead of {Name(wanted)}";
        if (type == tensor.Type) return new PlannedTensor(tensor, type, note);
        if (!RowReader.CanRead(tensor.Type))
            throw new EdgeLlmException(ErrorCode.Unsupported, $"tensor {tensor.Name}: cannot quantize from type {Name(tensor.Type)}");
        if (GgmlTypes.Get(tensor.Type).BlockLength > 1 && !options.AllowRequantize)
            throw new EdgeLlmException(ErrorCode.InvalidArgument,
                $"tensor {tensor.Name} is {Name(tensor.Type)} already: quantizing again loses more than quantizing the original once, "
                + "and must be allowed (--allow-requantize)");
        return new PlannedTensor(tensor, type, note);
    }

    // What the caller has ordered for a tensor.
    private static GgmlType? Ordered(Tensor tensor, ModelTraits model, QuantizeOptions options)
    {
        TensorRole role = TensorNames.Role(tensor.Name);
        if (role == TensorRole.TokenEmbedding && options.EmbeddingType is { } embedding) return embedding;
        if (model.IsOutput(tensor) && options.OutputType is { } output) return output;
        return options.TensorTypes.FirstOrDefault(rule => rule.Matches(tensor.Name))?.Type;
    }

    // Marks the tensors that the importance matrix lacks, and refuses where it matters.
    private static void CheckImportance(PlannedTensor[] tensors, FileType file, QuantizeOptions options)
    {
        int quantized = 0, lacking = 0;
        foreach (ref PlannedTensor tensor in tensors.AsSpan())
        {
            if (tensor.Type == tensor.Source.Type || GgmlTypes.Get(tensor.Type).BlockLength == 1) continue;
            quantized++;
            if (Importance(tensor.Source, options) is not null) continue;
            tensor = tensor with { LacksImportance = true };
            lacking++;
            bool isLayers = TensorNames.Role(tensor.Source.Name) is not (TensorRole.Output or TensorRole.TokenEmbedding);
            if (file.NeedsImportance && tensor.Type == file.Type && isLayers)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{file.Name} needs an importance matrix, and "
                    + $"{(options.Importance is null ? "there is none" : "the one given has nothing for tensor " + tensor.Source.Name)}");
        }
        if (options.Importance is not null && quantized > 0 && lacking == quantized)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{options.ImportancePath}: the importance matrix has none of the tensors to quantize");
    }

    /// <summary>The weights of a tensor's columns, or null.</summary>
    internal static float[]? Importance(Tensor tensor, QuantizeOptions options) =>
        options.Importance?.ColumnWeights(tensor.Name, tensor.Ne0, tensor.Ne2 * tensor.Ne3);

    private static string Name(GgmlType type) => GgmlTypes.Get(type).Name;
}
