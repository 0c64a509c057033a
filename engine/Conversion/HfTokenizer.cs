using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>All that a GGUF file says about a model's tokenizer, gathered from the files of its folder: vocabulary, added tokens, special tokens,
/// chat templates.</summary>
internal sealed class HfTokenizer
{
    private readonly HfFolder _folder;
    private readonly string? _pre;
    private readonly List<string> _notices;
    private readonly HfVocabulary _vocabulary;
    private readonly string _advice;
    private readonly AddedTokens _added;
    private readonly SpecialTokenIds _special;

    /// <summary>Reads the tokenizer of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="size">Tokens that the model knows.</param>
    /// <param name="pre">Name of the pre-tokenizer, or null to find it.</param>
    /// <param name="notices">What the file cannot say, and what was left out, is added to these.</param>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public HfTokenizer(HfFolder folder, int size, string? pre, List<string> notices)
    {
        _folder = folder;
        _pre = pre;
        _notices = notices;
        string path = folder.In("tokenizer.model");
        SentencePieceModel? pieces = SentencePieceModel.IsOne(path) ? SentencePieceModel.Load(path) : null;
        _vocabulary = pieces is not null ? FromPieces(pieces, size)
            : folder.Tokenizer is { } tokenizer ? TokenizerJson.Read(tokenizer, folder, size, pre, notices)
            : FromWords(size);
        if (_vocabulary.Model != WordPieceVocabulary.Name && folder.TokenizerConfig is { } settings)
            foreach (string key in (string[])["do_lower_case", "strip_accents"])
                if (settings.Flag(key) is true) throw settings.Unsupported($"{key}: expected false, found true, which a GGUF file cannot say");
        _advice = pieces is null ? "" : TokenizerJson.Advice;
        _added = new AddedTokens(_vocabulary, numbered: folder.Tokenizer is not null);
        AddTokens();
        _added.CheckOverlaps(folder.Path);
        CheckSpacePrefix();
        _special = new SpecialTokenIds(folder, _vocabulary, _added, pieces, notices);
        if (_added.Notice is { } notice) notices.Add(notice);
        if (folder.TokenizerConfig?.TryGet("auto_map", out _) is true)
            notices.Add("tokenizer_config.json: auto_map: the folder's own code is not looked at; its files say how texts are cut");
    }

    /// <summary>Writes the keys under <c>tokenizer</c>.</summary>
    public void WriteTo(GgufWriter writer)
    {
        _vocabulary.WriteTo(writer);
        _special.WriteTo(writer);
        ChatTemplateFiles.Write(_folder, writer);
    }

    private HfVocabulary FromPieces(SentencePieceModel pieces, int size)
    {
        var vocabulary = new HfVocabulary(size) { Model = "llama", Pre = "default", AddSpacePrefix = pieces.AddDummyPrefix };
        for (int id = 0; id < pieces.Pieces.Count; id++)
            vocabulary.Set(id, pieces.Pieces[id].Text, pieces.Pieces[id].Type, pieces.Pieces[id].Score, _folder.In("tokenizer.model"));
        if (_folder.Tokenizer is { } tokenizer) TokenizerJson.CheckAgainst(tokenizer, _folder, vocabulary, _notices);
        return vocabulary;
    }

    // The older form, vocab.json and merges.txt: how texts are cut into words goes by the class.
    private HfVocabulary FromWords(int size)
    {
        if (_folder.Config.Text("model_type") is "bert" or "nomic_bert" && _folder.ReadText("vocab.txt") is { } words)
            return WordPieceVocabulary.Read(words, _folder.TokenizerConfig, size);
        if (CheckedJson.LoadIfThere(_folder.In("vocab.json")) is not { } vocab || _folder.ReadText("merges.txt") is not { } merges)
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"{_folder.Path}: expected tokenizer.json, a SentencePiece tokenizer.model, vocab.json and merges.txt, or vocab.txt");
        string? name = _folder.TokenizerConfig?.Text("tokenizer_class");
        string pre = _pre ?? name switch
        {
            "Qwen2Tokenizer" or "Qwen2TokenizerFast" => "qwen2",
            "GPT2Tokenizer" or "GPT2TokenizerFast" => "gpt-2",
            null when _folder.Config.Text("model_type") is "qwen2" or "qwen3" => "qwen2",
            _ => throw new EdgeLlmException(ErrorCode.Unsupported,
                $"{_folder.Path}: vocab.json and merges.txt with tokenizer_class '{name}'; expected Qwen2Tokenizer or GPT2Tokenizer, "
                + "or --pre NAME to store one of llama.cpp's names"),
        };
        if (pre == "qwen2")
            _notices.Add("Qwen2Tokenizer brings texts to Unicode's form C: a GGUF file cannot say so; texts must be in it to get the same ids");
        return TokenizerJson.ByteLevel(BpeModel.Read(vocab, merges), size, pre, _notices);
    }

    private void AddTokens()
    {
        if (_folder.Tokenizer is { } tokenizer)
            foreach (CheckedJson token in TokenizerJson.Added(tokenizer))
                Add(token, token.Int("id", 0, int.MaxValue - 1), "tokenizer.json: added_tokens");
        if (CheckedJson.LoadIfThere(_folder.In("added_tokens.json")) is { } added)
            foreach ((string text, int id) in added.Element.EnumerateObject()
                .Select(member => (Text: added.Name(member), Id: added.Int(member.Name, 0, int.MaxValue - 1))).OrderBy(token => token.Id))
                _added.Add(id, text, special: false, "added_tokens.json");
        if (_folder.TokenizerConfig?.Object("added_tokens_decoder") is not { } decoder) return;
        IEnumerable<(int Id, CheckedJson Token)> tokens = decoder.Element.EnumerateObject().Select(member => Decoded(decoder, member));
        foreach ((int id, CheckedJson token) in tokens.OrderBy(token => token.Id))
            Add(token, id, "tokenizer_config.json: added_tokens_decoder");
    }

    private (int Id, CheckedJson Token) Decoded(CheckedJson decoder, JsonProperty member)
    {
        string name = decoder.Name(member);
        CheckedJson token = decoder.Item(name, member.Value);
        _folder.AddedTokenKeys.Check(token);
        return int.TryParse(name, out int id) && id is >= 0 and < int.MaxValue
            ? (id, token) : throw decoder.Invalid($"expected ids as names, found '{name}'");
    }

    private void Add(CheckedJson token, int id, string where)
    {
        string text = token.Text("content") ?? throw token.Invalid("missing key content");
        if (_vocabulary.Model == "llama" && _folder.Tokenizer is { } tokenizer)
        {
            if (token.Flag("normalized") is true && tokenizer.Object("normalizer") is not null)
                throw token.Unsupported(
                    $"token '{text}': normalized: expected false, found true: with this normalizer it is found after a space only, "
                    + "which a GGUF file cannot say" + _advice);
            if (text.Contains('▁', StringComparison.Ordinal) && !IsPiece(text))
                throw token.Unsupported($"token '{text}': a ▁ in an added token stands for itself, and in a GGUF file for a space" + _advice);
        }
        _added.Add(id, text, token.Flag("special") is true, where);
    }

    // tokenizer.model counts, where a token for spaces is one of its user-defined pieces, as in Gemma's.
    private bool IsPiece(string text)
    {
        const string Notice = "tokenizer.json: added tokens with ▁: Hugging Face finds the mark itself, readers of a GGUF file spaces, as tokenizer.model has it";
        if (_vocabulary.Find(text) is not (>= 0 and int id) || _vocabulary.GetType(id) != TokenType.UserDefined) return false;
        if (!_notices.Contains(Notice)) _notices.Add(Notice);
        return true;
    }

    private void CheckSpacePrefix()
    {
        bool prefix = _vocabulary.AddSpacePrefix ?? false;
        if (_folder.TokenizerConfig is { } settings && settings.Flag("add_prefix_space") is { } asked && asked != prefix)
            throw settings.Unsupported($"add_prefix_space: expected {(prefix ? "true" : "false")}, as the tokenizer's other files have it");
    }
}
