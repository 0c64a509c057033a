namespace Edge.Llm.Conversion;

/// <summary>Checks that the decoder of tokenizer.json makes of tokens the text that readers of a GGUF file make of them.</summary>
internal static class Decoding
{
    private static readonly Dictionary<string, KeyTable> s_steps = new()
    {
        ["ByteLevel"] = new("", "type add_prefix_space trim_offsets use_regex"),
        ["ByteFallback"] = new("type"),
        ["Fuse"] = new("type"),
        ["Metaspace"] = new("", "type prepend_scheme add_prefix_space split str_rep", ("replacement", ["\"▁\""])),
        ["Replace"] = new("", "type", ("pattern", ["""{"String":"▁"}"""]), ("content", ["\" \""])),
        ["WordPiece"] = new("", "type cleanup", ("prefix", ["\"##\""])),
        ["Strip"] = new("", "type", ("content", ["\" \""]), ("start", ["0", "1"]), ("stop", ["0"])),
    };

    /// <summary>Refuses what is not known.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static void Check(CheckedJson tokenizer)
    {
        foreach (CheckedJson step in TokenizerJson.Steps(tokenizer, "decoder", "decoders"))
        {
            string type = step.Text("type") ?? throw step.Invalid("missing key type");
            if (!s_steps.TryGetValue(type, out KeyTable? keys))
                throw step.Unsupported($"type '{type}'; there are: {string.Join(", ", s_steps.Keys)}");
            keys.Check(step);
        }
    }
}
