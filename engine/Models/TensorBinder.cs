using Edge.Llm.Kernels;

namespace Edge.Llm.Models;

/// <summary>Takes a model's tensors out of a file by name, each checked against the shape and type expected; what is left over at the
/// end would have been ignored, so it is an error.</summary>
internal sealed class TensorBinder(GgufFile file)
{
    private readonly HashSet<string> _bound = [];

    /// <summary>Whether the file has a tensor.</summary>
    public bool Has(string name) => file.TryGetTensor(name, out _);

    /// <summary>A weight w[rows, k] of any format there are kernels for.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile: missing or of another shape. Unsupported: no kernels for its type.</exception>
    public Tensor Matrix(string name, long k, long rows)
    {
        Tensor tensor = Bind(name, k, rows);
        if (KernelTable.FindFormat(tensor.Type) is null)
            throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: tensor {name} is of type {tensor.Type}, which has no kernels");
        return tensor;
    }

    /// <summary>n floats: a norm or a table of factors.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public Tensor Vector(string name, long n)
    {
        Tensor tensor = Bind(name, n, 1);
        if (tensor.Type != GgmlType.F32)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor {name}: expected type F32, found {tensor.Type}");
        return tensor;
    }

    /// <summary>Throws if the file holds a tensor that nothing has asked for.</summary>
    /// <exception cref="EdgeLlmException">Unsupported.</exception>
    public void RejectUnused(string architecture)
    {
        foreach (Tensor tensor in file.Tensors)
            if (!_bound.Contains(tensor.Name))
                throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: tensor {tensor.Name} has no place in architecture {architecture}");
    }

    private Tensor Bind(string name, long ne0, long ne1)
    {
        Tensor tensor = file.GetTensor(name);
        if (tensor.Ne0 != ne0 || tensor.Ne1 != ne1 || tensor.Ne2 != 1 || tensor.Ne3 != 1)
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"{file.Path}: tensor {name}: expected dimensions [{ne0}, {ne1}], found [{tensor.Ne0}, {tensor.Ne1}, {tensor.Ne2}, {tensor.Ne3}]");
        _bound.Add(name);
        return tensor;
    }
}
