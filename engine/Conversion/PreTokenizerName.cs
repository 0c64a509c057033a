using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>Finds the name under which llama.cpp knows how a byte-level BPE cuts text into words (tokenizer.ggml.pre), by the regular expressions
/// and steps in tokenizer.json.</summary>
internal static class PreTokenizerName
{
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Words = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|";
    private const string Rest = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", Before = @"[^\r\n\p{L}\p{N}]?";

    /// <summary>The steps of a pre-tokenizer, and its name.</summary>
    private static readonly (string[] Steps, string Name)[] s_known =
    [
        ([Words + @"\p{N}{1,3}" + Rest], "llama-bpe"),
        ([Words + @"\p{N}" + Rest], "qwen2"),
        ([$@"{Before}{Upper}*{Lower}+|{Before}{Upper}+{Lower}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"], "tekken"),
        ([Gpt2], "gpt-2"),
        (["digits", Gpt2], "smollm"),
    ];

    /// <summary>The name, or null if the steps are those of none known here.</summary>
    public static string? Find(CheckedJson tokenizer)
    {
        if (tokenizer.Object("pre_tokenizer") is not { } pre) return null;
        var steps = new List<string>();
        if (!AddSteps(pre, steps, depth: 0)) return null;
        return Array.Find(s_known, known => known.Steps.SequenceEqual(steps)).Name;
    }

    /// <summary>Names that are found.</summary>
    public static IEnumerable<string> Known => s_known.Select(known => known.Name);

    // False where a step has no name here.
    private static bool AddSteps(CheckedJson pre, List<string> steps, int depth)
    {
        switch (pre.Text("type"))
        {
            case "Sequence" when depth < 4:
                foreach (JsonElement step in pre.Array("pretokenizers"))
                    if (!AddSteps(pre.Item("pretokenizers", step), steps, depth + 1)) return false;
                return true;
            case "Split" when pre.Text("behavior") == "Isolated" && pre.Flag("invert") is not true
                && pre.Object("pattern")?.Text("Regex") is { } regex:
                steps.Add(regex);
                return true;
            case "Digits" when pre.Flag("individual_digits") is true:
                steps.Add("digits");
                return true;
            case "ByteLevel" when pre.Flag("add_prefix_space") is not true:
                if (pre.Flag("use_regex") is not false) steps.Add(Gpt2);
                return true;
            default:
                return false;
        }
    }
}
