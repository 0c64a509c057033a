namespace Edge.Llm.Cli.Models;

/// <summary>What a model's file says of itself; or why it says nothing.</summary>
internal sealed record ModelFacts(string? Architecture, string? Quant, string? Problem)
{
    /// <summary>Reads a model's metadata.</summary>
    public static ModelFacts Of(StoredModel model)
    {
        try
        {
            using GgufFile file = GgufFile.Open(model.Path);
            return new ModelFacts(file.Metadata.GetString("general.architecture", "?"), QuantOf(file), null);
        }
        catch (EdgeLlmException e)
        {
            return new ModelFacts(null, null, e.Message);
        }
    }

    // By the file's own word, or else the type of most bytes.
    private static string? QuantOf(GgufFile file)
    {
        int number = file.Metadata.GetInt32("general.file_type", -1);
        if (number >= 0 && FileType.All.FirstOrDefault(type => type.Number == number) is { } type) return type.Name;
        return file.Tensors.GroupBy(tensor => tensor.Type).MaxBy(group => group.Sum(tensor => tensor.Bytes)) is { } most ? GgmlTypes.Get(most.Key).Name : null;
    }
}
