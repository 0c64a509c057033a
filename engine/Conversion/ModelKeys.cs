namespace Edge.Llm.Conversion;

/// <summary>Writes the keys of an architecture.</summary>
internal sealed class ModelKeys(GgufWriter writer, string architecture)
{
    /// <summary>A whole number of 0 or more.</summary>
    public void Count(string key, int value) => writer.AddMetadata($"{architecture}.{key}", (uint)value);

    /// <summary>A float.</summary>
    public void Number(string key, double value) => writer.AddMetadata($"{architecture}.{key}", (float)value);

    /// <summary>A string.</summary>
    public void Text(string key, string value) => writer.AddMetadata($"{architecture}.{key}", value);

    /// <summary>A bool.</summary>
    public void Flag(string key, bool value) => writer.AddMetadata($"{architecture}.{key}", value);

    /// <summary>A key of the tokenizer that the model's shape decides.</summary>
    public void TokenTypes(int count) => writer.AddMetadata("tokenizer.ggml.token_type_count", (uint)count);
}
