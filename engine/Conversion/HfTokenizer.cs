using System.Text;
using System.Text.Json;
using Edge.Llm.Memory;

namespace Edge.Llm.Conversion;

/// <summary>All that a GGUF file says about a model's tokenizer, gathered from the files of its folder: vocabulary, special tokens, chat
/// template.</summary>
internal sealed class HfTokenizer
{
    private const long MaxTemplateBytes = 16 << 20;

    /// <summary>Roles of special tokens: Hugging Face's names, and GGUF's.</summary>
    private static readonly (string Name, string Key)[] s_roles =
    [
        ("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("sep", "seperator"), ("pad", "padding"), ("cls", "cls"), ("mask", "mask"),
    ];

    private readonly string _folder;
    private readonly CheckedJson? _tokenizer, _settings;
    private readonly HfVocabulary _vocabulary;
    private readonly Dictionary<string, int> _special = []; // ids by Hugging Face's names of the roles

    /// <summary>Reads the tokenizer of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="config">Its config.json.</param>
    /// <param name="size">Tokens that the model knows.</param>
    /// <param name="pre">Name of the pre-tokenizer, or null to find it.</param>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public HfTokenizer(string folder, CheckedJson config, int size, string? pre)
    {
        _folder = folder;
        _tokenizer = CheckedJson.LoadIfThere(In("tokenizer.json"));
        _settings = CheckedJson.LoadIfThere(In("tokenizer_config.json"));
        _vocabulary = ReadVocabulary(size, pre);
        AddTokens();
        FindSpecial(config);
    }

    /// <summary>Writes the keys under <c>tokenizer</c>.</summary>
    public void WriteTo(GgufWriter writer)
    {
        _vocabulary.WriteTo(writer);
        foreach ((string name, string key) in s_roles)
            if (_special.TryGetValue(name, out int id)) writer.AddMetadata($"tokenizer.ggml.{key}_token_id", (uint)id);
        foreach (string name in (string[])["bos", "eos"])
            if (Adds(name) is { } adds) writer.AddMetadata($"tokenizer.ggml.add_{name}_token", adds);
        ChatTemplates(writer);
    }

    private string In(string name) => Path.Combine(_folder, name);

    private HfVocabulary ReadVocabulary(int size, string? pre)
    {
        string path = In("tokenizer.model");
        if (!SentencePieceModel.IsOne(path))
        {
            if (_tokenizer is null)
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"{_folder}: expected tokenizer.json or a SentencePiece tokenizer.model");
            return TokenizerJson.Read(_tokenizer.Value, size, pre);
        }
        SentencePieceModel pieces = SentencePieceModel.Load(path);
        var vocabulary = new HfVocabulary(size) { Model = "llama", Pre = "default", AddSpacePrefix = pieces.AddDummyPrefix };
        for (int id = 0; id < pieces.Pieces.Count; id++)
            vocabulary.Set(id, pieces.Pieces[id].Text, pieces.Pieces[id].Type, pieces.Pieces[id].Score, path);
        return vocabulary;
    }

    private void AddTokens()
    {
        if (CheckedJson.LoadIfThere(In("added_tokens.json")) is { } added)
            foreach (JsonProperty member in added.Element.EnumerateObject())
                _vocabulary.SetAdded(added.Int(member.Name, 0, int.MaxValue), added.Name(member), special: false, "added_tokens.json");
        if (_tokenizer is { } tokenizer) TokenizerJson.ReadAdded(tokenizer, _vocabulary);
        if (_settings?.Object("added_tokens_decoder") is not { } decoder) return;
        foreach (JsonProperty member in decoder.Element.EnumerateObject())
        {
            CheckedJson token = decoder.Item(decoder.Name(member), member.Value);
            if (!int.TryParse(decoder.Name(member), out int id)) throw decoder.Invalid($"expected ids as names, found '{decoder.Name(member)}'");
            string text = token.Text("content") ?? throw token.Invalid("missing key content");
            _vocabulary.SetAdded(id, text, token.Flag("special") is true, "tokenizer_config.json: added_tokens_decoder");
        }
    }

    // By text in the tokenizer's files, else by id in the model's.
    private void FindSpecial(CheckedJson config)
    {
        CheckedJson?[] byText = [_settings, CheckedJson.LoadIfThere(In("special_tokens_map.json"))];
        CheckedJson?[] byId = [config, CheckedJson.LoadIfThere(In("generation_config.json"))];
        foreach ((string name, _) in s_roles)
        {
            int id = -1;
            foreach (CheckedJson? file in byText)
                if (id < 0 && file is { } given && SpecialText(given, $"{name}_token") is { } text) id = _vocabulary.Find(text);
            foreach (CheckedJson? file in byId)
                if (id < 0 && file is { } given) id = SpecialId(given, $"{name}_token_id");
            if (id >= 0) _special[name] = id;
        }
    }

    /// <summary>A text, or an object with one as its content.</summary>
    private static string? SpecialText(CheckedJson file, string key)
    {
        if (!file.TryGet(key, out JsonElement value)) return null;
        return value.ValueKind == JsonValueKind.Object ? file.Object(key)!.Value.Text("content") : file.Text(key);
    }

    /// <summary>An id, or the first of several.</summary>
    private int SpecialId(CheckedJson file, string key)
    {
        if (!file.TryGet(key, out JsonElement value)) return -1;
        if (value.ValueKind == JsonValueKind.Array) value = value.EnumerateArray().FirstOrDefault();
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id < _vocabulary.Size ? id : -1;
    }

    // tokenizer_config.json says so, or the template of the post-processor begins (or ends) with the token.
    private bool? Adds(string name)
    {
        if (_settings?.Flag($"add_{name}_token") is { } adds) return adds;
        if (!_special.TryGetValue(name, out int id) || _tokenizer?.Object("post_processor") is not { } processor) return null;
        foreach (CheckedJson step in Steps(processor))
        {
            if (step.Text("type") != "TemplateProcessing") continue;
            JsonElement[] single = [.. step.Array("single")];
            if (single.Length == 0) return false;
            CheckedJson end = step.Item("single", name == "bos" ? single[0] : single[^1]);
            return end.Object("SpecialToken")?.Text("id") is { } text && _vocabulary.Find(text) == id;
        }
        return null;
    }

    private static IEnumerable<CheckedJson> Steps(CheckedJson processor) => processor.Text("type") == "Sequence"
        ? processor.Array("processors").Select(step => processor.Item("processors", step)) : [processor];

    // A file of its own, or a text, or a list of named ones, of which "default" is the main one.
    private void ChatTemplates(GgufWriter writer)
    {
        var named = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string? main = ReadText(In("chat_template.jinja")) ?? CheckedJson.LoadIfThere(In("chat_template.json"))?.Text("chat_template");
        if (_settings is { } settings && settings.TryGet("chat_template", out JsonElement value))
        {
            if (value.ValueKind == JsonValueKind.Array)
                foreach (JsonElement element in value.EnumerateArray())
                {
                    CheckedJson item = settings.Item("chat_template", element);
                    string name = item.Text("name") ?? throw item.Invalid("missing key name");
                    named[name] = item.Text("template") ?? throw item.Invalid("missing key template");
                }
            else main ??= settings.Text("chat_template");
        }
        if (named.Remove("default", out string? standard)) main ??= standard;
        if (main is not null) writer.AddMetadata("tokenizer.chat_template", main);
        if (named.Count == 0) return;
        writer.AddMetadata("tokenizer.chat_templates", [.. named.Keys]);
        foreach ((string name, string template) in named) writer.AddMetadata($"tokenizer.chat_template.{name}", template);
    }

    private static unsafe string? ReadText(string path)
    {
        if (!File.Exists(path)) return null;
        using MappedFile file = MappedFile.Open(path, map: false);
        if (file.Length > MaxTemplateBytes)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{path}: {file.Length} bytes, expected at most {MaxTemplateBytes}");
        return Encoding.UTF8.GetString(file.Data, (int)file.Length);
    }
}
