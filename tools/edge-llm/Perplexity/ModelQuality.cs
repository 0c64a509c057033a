namespace Edge.Llm.Cli.Perplexity;

/// <summary>A file and how good it is.</summary>
/// <param name="Path">The file.</param>
/// <param name="SizeBytes">Its size; of a split model that of all parts.</param>
/// <param name="BitsPerWeight">Bits of tensor data a value.</param>
/// <param name="Result">What was measured.</param>
/// <param name="Complete">Whether all chunks were done.</param>
internal sealed record ModelQuality(string Path, long SizeBytes, double BitsPerWeight, PerplexityResult Result, bool Complete)
{
    public string Name => System.IO.Path.GetFileName(Path);

    public double SizeMiB => SizeBytes / 1048576.0;

    public static ModelQuality Of(GgufFile file, PerplexityResult result, bool complete) =>
        new(file.Path, file.FileBytes, 8.0 * file.Tensors.Sum(tensor => tensor.Bytes) / file.Tensors.Sum(tensor => tensor.Elements), result, complete);
}
