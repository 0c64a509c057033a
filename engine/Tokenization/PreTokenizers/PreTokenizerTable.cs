namespace Edge.Llm.Tokenization;

/// <summary>The pre-tokenizers by the names that files give them (<c>tokenizer.ggml.pre</c>).</summary>
internal static class PreTokenizerTable
{
    private static readonly SplitRule s_oneNumber = (text, from) => DigitRules.Numbers(text, from, 1);
    private static readonly SplitRule s_threeNumbers = (text, from) => DigitRules.Numbers(text, from, 3);
    private static readonly SplitRule s_numbers = (text, from) => DigitRules.Numbers(text, from, int.MaxValue);

    private static readonly SplitRule s_llama3 = new WordRule { ContractionFirst = true, MaxDigits = 3 }.Match;
    private static readonly SplitRule s_qwen2 = new WordRule { ContractionFirst = true }.Match;
    private static readonly SplitRule s_qwen35 =
        new WordRule { ContractionFirst = true, Letters = CharClass.Letter | CharClass.Mark, Signs = SplitRules.Rest & ~CharClass.Mark }.Match;
    private static readonly SplitRule s_seedCoder = new WordRule { ContractionFirst = true, MaxBehind = 0 }.Match;
    private static readonly SplitRule s_exaone = new WordRule { ContractionFirst = true, Word = WordRule.Phrase, MaxBehind = 1 }.Match;
    private static readonly SplitRule s_tekken = new WordRule { Word = CasedWords.End, SlashBehind = true }.Match;

    private static readonly (string Names, PreTokenizer PreTokenizer)[] s_rows =
    [
        ("default", new((text, from) => SplitRules.Punctuations(text, from, "$+<=>^~|"u8), SplitRules.Gpt2, s_numbers, DigitRules.Three)),
        ("llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", new(s_llama3) { IgnoreMerges = true, AddBos = true }),
        ("dbrx smaug-bpe", new(s_llama3)),
        ("glm4 chatglm-bpe", new(s_llama3) { NoDefaultBos = true }),
        ("jais-2", new(s_llama3, JaisSpace.Match)),
        ("minicpm5", new(s_threeNumbers, new WordRule { ContractionFirst = true, MaxDigits = int.MaxValue }.Match) { IgnoreMerges = true }),
        ("qwen2 deepseek-r1-qwen kormo f2llmv2 hunyuan solar-open grok-2 megrez stablelm2 bailingmoe bailingmoe2 llada-moe", new(s_qwen2)),
        ("qwen35", new(s_qwen35)),
        ("ufakzeka", new(new WordRule().Match)),
        ("laguna", new(SplitRules.Lines, s_qwen2)),
        ("seed-coder", new(s_seedCoder)),
        ("exaone-moe", new(s_exaone)),
        ("gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum modern-bert exaone4 mpt olmo jais trillion granite-docling " +
            "jina-v1-en jina-v2-code roberta-bpe", new(SplitRules.Gpt2)),
        ("starcoder refact codeshell exaone minerva-7b mellum2 command-r smollm", new(s_oneNumber, SplitRules.Gpt2)),
        ("falcon", new((text, from) => SplitRules.Punctuations(text, from, "$+<=>^~|`"u8), SplitRules.Gpt2, DigitRules.Three)),
        ("deepseek-llm", new(SplitRules.NewlineChar, RangeRules.SpaceAndLetters, RangeRules.SpaceAndSigns, DeepSeekRules.SpaceAtEnd,
            RangeRules.EastAsian, s_numbers)),
        ("deepseek-coder", new(SplitRules.NewlineChar, (text, from) => SplitRules.SpaceAndRun(text, from, CharClass.Letter),
            (text, from) => SplitRules.SpaceAndRun(text, from, CharClass.Punctuation), RangeRules.EastAsian, s_oneNumber)),
        ("deepseek-v3 hunyuan-dense joyai-llm hy_v4", new(s_threeNumbers, RangeRules.ChineseAndJapanese, DeepSeekRules.V3)),
        ("spark2_5", new(s_threeNumbers, RangeRules.ChineseAndJapanese, DeepSeekRules.Spark, s_oneNumber)),
        ("afmoe", new(DigitRules.Grouped, RangeRules.Afmoe, DeepSeekRules.V3)),
        ("youtu", new(RangeRules.Youtu, Marked(maxDigits: 1)) { IgnoreMerges = true }),
        ("tiny_aya cohere2moe", new(DigitRules.Grouped, Marked(maxDigits: 3))),
        ("tekken", new(s_tekken) { IgnoreMerges = true, AddBos = true }),
        ("gpt-4o llama4 kanana2 talkie minimax-m2", new(Cased(CharClass.Letter))),
        ("granite-embed-multi-97m", new(Cased(CharClass.Letter | CharClass.Mark)) { IgnoreMerges = true }),
        ("kimi-k2", new(KimiRule.Match) { MergesAreOptional = true }),
        ("superbpe", new(s_numbers, DigitRules.BetweenGroups)),
        ("chameleon", new(ChameleonRules.Sentinel, ChameleonRules.Image, ChameleonRules.Indent, s_oneNumber,
            (text, from) => SplitRules.Punctuations(text, from, "$+<=>^`|~"u8, max: 1), SplitRules.Gpt2) { AddBos = true }),
        ("bloom gpt3-finnish poro-chat", new(RangeRules.SentencePart)),
        ("viking", new(RangeRules.SentencePart, s_oneNumber)),
        ("whitespace", new(SplitRules.NotSpace) { Spelling = Spelling.Plain }),
        ("gemma4 granite-embed-multi-311m", new(SplitRules.Lines) { Spelling = Spelling.MarkedSpaces, NewlinesAreWhole = true, ForceBos = true }),
        ("sarvam-moe", new(SplitRules.Lines) { Spelling = Spelling.MarkedSpaces }),
    ];

    private static readonly Dictionary<string, PreTokenizer> s_byName =
        s_rows.SelectMany(row => row.Names.Split(' '), (row, name) => (name, row.PreTokenizer)).ToDictionary();

    /// <summary>All names.</summary>
    public static IEnumerable<string> Names => s_byName.Keys;

    /// <summary>The pre-tokenizer of a name, or null.</summary>
    public static PreTokenizer? Find(string name) => s_byName.GetValueOrDefault(name);

    /// <summary>Words of letters and marks, whatever their case.</summary>
    private static SplitRule Marked(int maxDigits) => new WordRule
    {
        ContractionBehind = true, Letters = CharClass.Letter | CharClass.Mark, MaxDigits = maxDigits, SlashBehind = true,
    }.Match;

    /// <summary>Words that a change of case ends.</summary>
    private static SplitRule Cased(CharClass letters) => new WordRule
    {
        Word = CasedWords.End, ContractionBehind = true, Letters = letters, MaxDigits = 3, SlashBehind = true,
    }.Match;
}
