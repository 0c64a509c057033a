namespace Edge.Llm.Conversion;

/// <summary>The normalizer and pre-tokenizer of a SentencePiece model that became a tokenizer.json. Readers of a GGUF file write ▁ for each space,
/// and put one before the text between two special tokens or not.</summary>
internal static class PieceSteps
{
    private const string Replace = "Replace", PrependMark = "Prepend ▁", PrependSpace = "Prepend ' '", Metaspace = "Metaspace ", SplitAtSpaces = "Split ' '";

    private static readonly KeyTable s_prepend = new("type prepend");
    private static readonly KeyTable s_replace = new("type", "", ("pattern", ["""{"String":" "}"""]), ("content", ["\"▁\""]));
    private static readonly KeyTable s_split = new("type", "",
        ("pattern", ["""{"String":" "}"""]), ("behavior", ["\"MergedWithPrevious\""]), ("invert", ["false"]));
    private static readonly KeyTable s_metaspace = new("type prepend_scheme add_prefix_space split", "str_rep", ("replacement", ["\"▁\""]));

    /// <summary>Whether a space is put before texts; and in what way Hugging Face's library differs from readers of a GGUF file, or null.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile; Unsupported: other steps.</exception>
    public static (bool AddsSpacePrefix, string? Differs) Read(CheckedJson tokenizer, BpeModel model)
    {
        string[] steps =
        [
            .. TokenizerJson.Steps(tokenizer, "normalizer", "normalizers").Select(NormalizerStep),
            .. TokenizerJson.Steps(tokenizer, "pre_tokenizer", "pretokenizers").Select(step => PreTokenizerStep(step, model)),
        ];
        return steps switch
        {
            [PrependMark or PrependSpace, Replace] or [Replace, PrependMark] => (true, null),
            [Replace] or [Replace, SplitAtSpaces] or [Metaspace + "never"] => (false, null), // after Replace there are no spaces to split at
            [Metaspace + "always"] => (true, "pre_tokenizer Metaspace: Hugging Face puts no space before a text that begins with one, "
                + "readers of a GGUF file do"),
            [Metaspace + "first"] => (true, "pre_tokenizer Metaspace with prepend_scheme first: Hugging Face puts no space before a "
                + "text that begins with one "
                + "or follows a special token, readers of a GGUF file do"),
            _ => throw tokenizer.Unsupported(
                "normalizer and pre_tokenizer with byte_fallback: expected Prepend and Replace, or Metaspace, found "
                + (steps.Length == 0 ? "none" : string.Join(", ", steps))),
        };
    }

    private static string NormalizerStep(CheckedJson step)
    {
        string type = step.Text("type") ?? throw step.Invalid("missing key type");
        switch (type)
        {
            case "Prepend":
                s_prepend.Check(step);
                string text = step.Text("prepend") ?? throw step.Invalid("missing key prepend");
                return text == "▁" ? PrependMark : $"Prepend '{text}'";
            case "Replace":
                s_replace.Check(step);
                if (step.Object("pattern") is null || step.Text("content") is null) throw step.Invalid("missing key pattern or content");
                return Replace;
            default:
                return type;
        }
    }

    private static string PreTokenizerStep(CheckedJson step, BpeModel model)
    {
        string type = step.Text("type") ?? throw step.Invalid("missing key type");
        if (type == "Split")
        {
            s_split.Check(step);
            return SplitAtSpaces;
        }
        if (type != "Metaspace") return type;
        s_metaspace.Check(step);
        if (step.Text("replacement") is null) throw step.Invalid("missing key replacement");
        string scheme = step.Text("prepend_scheme") ?? "always";
        if (step.Flag("add_prefix_space") is false && scheme != "never")
            throw step.Invalid($"add_prefix_space false and prepend_scheme '{scheme}' say different things");
        // Each ▁ begins a word; readers of a GGUF file know no words, and merge what makes a token.
        if (step.Flag("split") is not false && model.Ids.Keys.FirstOrDefault(text => text.LastIndexOf('▁') > 0) is { } across)
            throw step.Unsupported($"split: expected false, found true, and the token '{across}' goes beyond a word");
        return Metaspace + scheme;
    }
}
