namespace Edge.Llm.Tokenization;

/// <summary>How a byte-level BPE cuts text into words, by the names of <c>tokenizer.ggml.pre</c>. Each rule cuts the pieces that the rule
/// before left: a match is a piece, and so is what lies between matches.</summary>
internal sealed class PreTokenizer(params SplitRule[] rules)
{
    /// <summary>A word that is a token is that token, whatever the merges say.</summary>
    public bool IgnoreMerges { get; private init; }

    /// <summary>Whether a prompt begins with BOS where the file does not say.</summary>
    public bool AddBos { get; private init; }

    /// <summary>The family has no BOS unless the file names one.</summary>
    public bool NoDefaultBos { get; private init; }

    public static PreTokenizer Get(string name) => name switch
    {
        "default" => s_default,
        "llama3" or "llama-v3" or "llama-bpe" or "falcon3" or "falcon-h1" or "pixtral" or "midm-2.0" or "lfm2" or "jina-v5-nano" => s_llama3,
        "dbrx" or "smaug-bpe" => s_dbrx,
        "glm4" or "chatglm-bpe" => s_glm4,
        "qwen2" or "deepseek-r1-qwen" or "kormo" or "f2llmv2" or "stablelm2" or "hunyuan" or "solar-open" or "megrez" or "grok-2" => s_qwen2,
        "qwen35" => s_qwen35,
        "gpt-2" or "phi-2" or "jina-es" or "jina-de" or "gigachat" or "jina-v2-es" or "jina-v2-de" or "a.x-4.0" or "mellum" or "modern-bert"
            or "mpt" or "olmo" or "jais" or "trillion" or "granite-docling" or "exaone4" => s_gpt2,
        "starcoder" or "refact" or "command-r" or "smollm" or "codeshell" or "exaone" or "minerva-7b" or "mellum2" => s_starcoder,
        "falcon" => s_falcon,
        "tekken" => s_tekken,
        "gpt-4o" or "llama4" or "kanana2" or "talkie" or "minimax-m2" => s_gpt4o,
        "deepseek-coder" => s_deepSeekCoder,
        "deepseek-llm" => s_deepSeekLlm,
        "deepseek-v3" or "hunyuan-dense" or "joyai-llm" => s_deepSeekV3,
        _ => throw new EdgeLlmException(ErrorCode.Unsupported, $"tokenizer.ggml.pre: the pre-tokenizer \"{name}\" is not supported"),
    };

    /// <summary>Appends the lengths in bytes of the words of valid UTF-8, in order.</summary>
    public void Split(ReadOnlySpan<byte> text, List<int> lengths) => Split(text, 0, lengths);

    private void Split(ReadOnlySpan<byte> text, int rule, List<int> lengths)
    {
        if (text.IsEmpty) return;
        if (rule == rules.Length)
        {
            lengths.Add(text.Length);
            return;
        }
        for (int at = 0; at < text.Length;)
        {
            (int start, int end) = rules[rule](text, at);
            Split(text[at..start], rule + 1, lengths);
            Split(text[start..end], rule + 1, lengths);
            at = end;
        }
    }

    private static readonly SplitRule s_oneNumber = (text, from) => SplitRules.Numbers(text, from, 1);
    private static readonly SplitRule s_upTo3Digits = (text, from) => SplitRules.Llama3(text, from, maxDigits: 3);

    private static readonly PreTokenizer s_default = new(
        (text, from) => SplitRules.Punctuations(text, from, "$+<=>^~|"u8),
        SplitRules.Gpt2,
        (text, from) => SplitRules.Numbers(text, from, int.MaxValue),
        SplitRules.ThreeDigits);

    private static readonly PreTokenizer s_llama3 = new(s_upTo3Digits) { IgnoreMerges = true, AddBos = true };
    private static readonly PreTokenizer s_dbrx = new(s_upTo3Digits);
    private static readonly PreTokenizer s_glm4 = new(s_upTo3Digits) { NoDefaultBos = true };
    private static readonly PreTokenizer s_qwen2 = new((text, from) => SplitRules.Llama3(text, from, maxDigits: 1));
    private static readonly PreTokenizer s_qwen35 =
        new((text, from) => SplitRules.Llama3(text, from, maxDigits: 1, CharClass.Letter | CharClass.Mark));

    private static readonly PreTokenizer s_tekken =
        new((text, from) => CasedRules.Words(text, from, maxDigits: 1, contractions: false)) { IgnoreMerges = true, AddBos = true };
    private static readonly PreTokenizer s_gpt4o = new((text, from) => CasedRules.Words(text, from, maxDigits: 3, contractions: true));

    private static readonly PreTokenizer s_gpt2 = new(SplitRules.Gpt2);
    private static readonly PreTokenizer s_starcoder = new(s_oneNumber, SplitRules.Gpt2);
    private static readonly PreTokenizer s_falcon = new(
        (text, from) => SplitRules.Punctuations(text, from, "$+<=>^~|`"u8), SplitRules.Gpt2, SplitRules.ThreeDigits);

    private static readonly PreTokenizer s_deepSeekCoder = new(
        SplitRules.NewlineChar,
        (text, from) => SplitRules.SpaceAndRun(text, from, CharClass.Letter),
        (text, from) => SplitRules.SpaceAndRun(text, from, CharClass.Punctuation),
        DeepSeekRules.EastAsian,
        s_oneNumber);

    private static readonly PreTokenizer s_deepSeekLlm = new(
        SplitRules.NewlineChar,
        DeepSeekRules.SpaceAndLetters,
        DeepSeekRules.SpaceAndPunctuation,
        DeepSeekRules.SpaceAtEnd,
        DeepSeekRules.EastAsian,
        (text, from) => SplitRules.Numbers(text, from, int.MaxValue));

    private static readonly PreTokenizer s_deepSeekV3 = new(
        (text, from) => SplitRules.Numbers(text, from, 3), DeepSeekRules.ChineseAndJapanese, DeepSeekRules.V3);
}
