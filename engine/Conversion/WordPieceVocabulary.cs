namespace Edge.Llm.Conversion;

/// <summary>WordPiece vocabularies, from tokenizer.json or from vocab.txt. Hugging Face marks the pieces that continue a word (##), GGUF those that
/// begin one (▁).</summary>
internal static class WordPieceVocabulary
{
    /// <summary>tokenizer.ggml.model.</summary>
    public const string Name = "bert";

    private const string Continuation = "##", Default = "[UNK]";

    // Words of more characters than the limit are unknown to Hugging Face; readers of a GGUF file have none.
    private static readonly KeyTable s_model = new("type unk_token vocab", "max_input_chars_per_word", ("continuing_subword_prefix", ["\"##\""]));
    private static readonly KeyTable s_normalizer = new("type lowercase strip_accents", "", ("clean_text", ["true"]), ("handle_chinese_chars", ["true"]));
    private static readonly KeyTable s_preTokenizer = new("type");

    /// <summary>Whether a tokenizer.json has one.</summary>
    public static bool IsOne(CheckedJson tokenizer) => tokenizer.Object("model")?.Text("type") == "WordPiece";

    /// <summary>Reads the model of tokenizer.json.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static HfVocabulary Read(CheckedJson tokenizer, CheckedJson? settings, int size, HashSet<string> added)
    {
        CheckedJson model = tokenizer.Object("model")!.Value;
        s_model.Check(model);
        if (model.Text("unk_token") is { } unknown && unknown != Default) throw model.Unsupported($"unk_token: expected {Default}, found '{unknown}'");
        CheckedJson normalizer = tokenizer.Object("normalizer") ?? throw tokenizer.Unsupported("normalizer: expected BertNormalizer, found none");
        Require(normalizer, "BertNormalizer", s_normalizer);
        Require(tokenizer.Object("pre_tokenizer") ?? throw tokenizer.Unsupported("pre_tokenizer: expected BertPreTokenizer, found none"),
            "BertPreTokenizer", s_preTokenizer);
        bool lowercase = normalizer.Flag("lowercase") ?? true;
        bool stripAccents = normalizer.Flag("strip_accents") ?? lowercase;
        if (settings is { } given)
        {
            Agree(given, "do_lower_case", lowercase);
            Agree(given, "strip_accents", stripAccents);
        }
        CheckedJson vocab = model.Object("vocab") ?? throw model.Invalid("missing key vocab");
        IEnumerable<(string, int)> words = vocab.Element.EnumerateObject()
            .Select(member => vocab.Name(member)).Select(text => (text, vocab.Int(text, 0, int.MaxValue)));
        return Make(words, size, lowercase, stripAccents, added);
    }

    /// <summary>Reads vocab.txt: a token a line.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static HfVocabulary Read(string text, CheckedJson? settings, int size)
    {
        bool lowercase = settings?.Flag("do_lower_case") ?? true;
        string[] lines = text.TrimEnd('\n').Split('\n');
        return Make(lines.Select((line, id) => (line.TrimEnd('\r'), id)), size, lowercase, settings?.Flag("strip_accents") ?? lowercase, []);
    }

    private static HfVocabulary Make(IEnumerable<(string Text, int Id)> words, int size, bool lowercase, bool stripAccents, HashSet<string> added)
    {
        var vocabulary = new HfVocabulary(size) { Model = Name, Pre = "default", Lowercases = lowercase, StripsAccents = stripAccents };
        foreach ((string text, int id) in words)
            vocabulary.Set(id, added.Contains(text) ? text : Converted(text), TokenType.Normal, 0, "vocab");
        return vocabulary;
    }

    // Names of tokens that no text has stay as they are.
    private static string Converted(string text) =>
        text.StartsWith('[') && text.EndsWith(']') ? text
        : text.StartsWith(Continuation, StringComparison.Ordinal) && text.Length > Continuation.Length ? text[Continuation.Length..] : "▁" + text;

    private static void Require(CheckedJson step, string type, KeyTable keys)
    {
        if (step.Text("type") != type) throw step.Unsupported($"type '{step.Text("type")}'; expected {type}");
        keys.Check(step);
    }

    // The class that reads tokenizer.json changes its normalizer by these.
    private static void Agree(CheckedJson settings, string key, bool found)
    {
        if (settings.Flag(key) is { } asked && asked != found)
            throw settings.Unsupported($"{key}: expected {(found ? "true" : "false")}, as tokenizer.json has it");
    }
}
