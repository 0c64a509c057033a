namespace Edge.Llm.Conversion;

/// <summary>How a model's vectors become one for a text: modules.json, as sentence-transformers writes it, and the folder of its pooling module.</summary>
internal static class HfPooling
{
    private const string Library = "sentence_transformers.";

    private static readonly KeyTable s_module = new("type path", "idx name kwargs");

    /// <summary>Its keys, and GGUF's numbers for them: one is true.</summary>
    private static readonly (string Key, uint Number)[] s_modes =
        [("pooling_mode_mean_tokens", 1), ("pooling_mode_cls_token", 2), ("pooling_mode_lasttoken", 3)];

    private static readonly KeyTable s_pooling = new(
        string.Join(' ', s_modes.Select(mode => mode.Key)), "word_embedding_dimension include_prompt",
        ("pooling_mode_max_tokens", ["false"]), ("pooling_mode_mean_sqrt_len_tokens", ["false"]), ("pooling_mode_weightedmean_tokens", ["false"]));

    /// <summary>Writes the key, if the folder says.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static void Write(HfFolder folder, string architecture, bool isEncoder, GgufWriter writer, List<string> notices)
    {
        uint? number = null;
        foreach (CheckedJson module in CheckedJson.LoadArrayIfThere(folder.In("modules.json")))
        {
            s_module.Check(module);
            string type = module.Text("type") ?? throw module.Invalid("missing key type");
            switch (type.StartsWith(Library, StringComparison.Ordinal) ? type[(type.LastIndexOf('.') + 1)..] : type)
            {
                case "Transformer": break;
                case "Pooling" when number is null: number = Read(folder, module.Text("path") ?? ""); break;
                case "Normalize": notices.Add("modules.json: Normalize: not part of a GGUF file; programs scale vectors to length 1 or not"); break;
                default: throw module.Unsupported($"type '{type}'; expected Transformer, one Pooling and Normalize");
            }
        }
        if (number is null && isEncoder)
            notices.Add("no modules.json with a pooling: a program must say how it makes one vector of a text");
        if (number is { } found) writer.AddMetadata($"{architecture}.pooling_type", found);
    }

    private static uint Read(HfFolder folder, string path)
    {
        if (path != Path.GetFileName(path) || path is "" or "." or "..")
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{folder.In("modules.json")}: path: expected the name of a folder, found '{path}'");
        CheckedJson pooling = CheckedJson.Load(folder.In(Path.Combine(path, "config.json")));
        s_pooling.Check(pooling);
        uint[] said = [.. s_modes.Where(mode => pooling.Flag(mode.Key) is true).Select(mode => mode.Number)];
        return said.Length == 1
            ? said[0] : throw pooling.Unsupported($"expected one of {string.Join(", ", s_modes.Select(mode => mode.Key))} to be true, found {said.Length}");
    }
}
