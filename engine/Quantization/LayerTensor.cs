namespace Edge.Llm.Quantization;

/// <summary>Where a tensor stands in its model: what a mix of types depends on.</summary>
/// <param name="Index">Its number among the tensors of its kind, or its layer's.</param>
/// <param name="Count">How many there are of its kind, or how many layers.</param>
/// <param name="Model">The model.</param>
internal readonly record struct LayerTensor(int Index, int Count, ModelTraits Model)
{
    /// <summary>In the first and the last eighth of the layers, and in every third between.</summary>
    public bool MoreBits => Index < Count / 8 || Index >= 7 * Count / 8 || (Index - Count / 8) % 3 == 2;

    /// <summary>Query heads that share a key and value head.</summary>
    public int HeadsPerKv => Model.HeadsPerKv;

    /// <summary>Architecture falcon.</summary>
    public bool IsFalcon => Model.IsFalcon;

    /// <summary>An importance matrix is given.</summary>
    public bool HasImportance => Model.HasImportance;

    /// <summary>Among the first one in <paramref name="part"/>.</summary>
    public bool First(int part) => Index < Count / part;
}
