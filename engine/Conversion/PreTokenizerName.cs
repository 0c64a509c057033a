namespace Edge.Llm.Conversion;

/// <summary>Finds the name under which llama.cpp knows how a byte-level BPE cuts text into words (tokenizer.ggml.pre), by the regular expressions
/// and steps in tokenizer.json.</summary>
internal static class PreTokenizerName
{
    /// <summary>The name of Mistral's Tekken.</summary>
    public const string Tekken = "tekken";

    /// <summary>The name of GPT-4o's, which gpt-oss and Phi-4-mini have.</summary>
    public const string Gpt4o = "gpt-4o";

    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Words = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
    private const string Rest = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", Before = @"[^\r\n\p{L}\p{N}]?";
    private const string Suffix = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)?";

    private static readonly KeyTable s_split = new("type pattern", "", ("behavior", ["\"Isolated\""]), ("invert", ["false"]));
    private static readonly KeyTable s_digits = new("type", "", ("individual_digits", ["true"]));
    private static readonly KeyTable s_byteLevel = new("type use_regex", "trim_offsets", ("add_prefix_space", ["false"]));

    /// <summary>The steps of a pre-tokenizer, its name, and whether it goes with ignore_merges.</summary>
    private static readonly (string[] Steps, string Name, bool IgnoresMerges)[] s_known =
    [
        ([Words + @"\p{N}{1,3}" + Rest], "llama-bpe", true),
        ([Words + @"\p{N}{1,3}" + Rest], "smaug-bpe", false),
        ([Words + @"\p{N}" + Rest], "qwen2", false),
        ([$@"{Before}{Upper}*{Lower}+|{Before}{Upper}+{Lower}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"], Tekken, true),
        ([$@"{Before}{Upper}*{Lower}+{Suffix}|{Before}{Upper}+{Lower}*{Suffix}|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"], Gpt4o, false),
        ([Gpt2], "gpt-2", false),
        (["digits", Gpt2], "smollm", false),
    ];

    /// <summary>The name.</summary>
    /// <param name="tokenizer">tokenizer.json.</param>
    /// <param name="model">Its model.</param>
    /// <param name="added">Tokens that are cut out of texts before merging.</param>
    /// <exception cref="EdgeLlmException">InvalidFile; Unsupported: none fits.</exception>
    public static string Find(CheckedJson tokenizer, BpeModel model, HashSet<string> added)
    {
        string[] steps = [.. ReadSteps(tokenizer)];
        var named = s_known.Where(known => known.Steps.AsSpan().SequenceEqual(steps)).ToList();
        if (named.Count == 0)
            throw tokenizer.Unsupported(
                $"pre_tokenizer: none of {string.Join(", ", s_known.Select(known => known.Name))}; --pre NAME stores one of llama.cpp's names");
        int fits = named.FindIndex(known => known.IgnoresMerges == model.IgnoresMerges);
        if (fits >= 0) return named[fits].Name;
        // The name says otherwise: no matter, if words that are tokens are what the merges make of them.
        if (model.FindUnreachable(added) is { } word)
            throw model.Unsupported($"ignore_merges: expected {(named[0].IgnoresMerges ? "true" : "false")} with the pre-tokenizer {named[0].Name}, "
                + $"found {(model.IgnoresMerges ? "true" : "false")}, and the merges do not make the token '{word}'");
        return named[0].Name;
    }

    private static List<string> ReadSteps(CheckedJson tokenizer)
    {
        var steps = new List<string>();
        bool bytes = false;
        foreach (CheckedJson step in TokenizerJson.Steps(tokenizer, "pre_tokenizer", "pretokenizers"))
        {
            if (bytes) throw step.Unsupported("a step after ByteLevel, which a GGUF file cannot say");
            switch (step.Text("type"))
            {
                case "Split":
                    s_split.Check(step);
                    Require(step, "behavior", "invert");
                    CheckedJson pattern = step.Object("pattern") ?? throw step.Invalid("missing key pattern");
                    steps.Add(pattern.Text("Regex") ?? throw pattern.Unsupported("expected a Regex"));
                    break;
                case "Digits":
                    s_digits.Check(step);
                    Require(step, "individual_digits");
                    steps.Add("digits");
                    break;
                case "ByteLevel":
                    s_byteLevel.Check(step);
                    Require(step, "add_prefix_space");
                    if (step.Flag("use_regex") is not false) steps.Add(Gpt2);
                    bytes = true;
                    break;
                default:
                    throw step.Unsupported(
                        $"pre_tokenizer of type '{step.Text("type")}'; a GGUF file can say Split, Digits and ByteLevel, as llama.cpp's names go");
            }
        }
        return bytes
            ? steps : throw tokenizer.Unsupported("pre_tokenizer: no step ByteLevel, and no byte_fallback: such a BPE has no place in a GGUF file");
    }

    private static void Require(CheckedJson step, params string[] keys)
    {
        foreach (string key in keys)
            if (!step.TryGet(key, out _)) throw step.Invalid($"missing key {key}");
    }
}
