using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>Which tokens begin and end texts, turns and messages, which pad and so on, and whether a text begins with one. Special tokens are named
/// by text in the tokenizer's files, else by id in the model's.</summary>
internal sealed class SpecialTokenIds
{
    /// <summary>Roles of special tokens: Hugging Face's names, and GGUF's.</summary>
    private static readonly (string Name, string Key)[] s_roles =
    [
        ("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("sep", "seperator"), ("pad", "padding"), ("cls", "cls"), ("mask", "mask"),
        ("eot", "eot"), ("eom", "eom"),
    ];

    private readonly HfFolder _folder;
    private readonly HfVocabulary _vocabulary;
    private readonly AddedTokens _added;
    private readonly List<string> _notices;
    private readonly Dictionary<string, int> _ids = []; // by Hugging Face's names of the roles
    private readonly bool _addsBos, _addsEos;

    /// <summary>Finds them.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public SpecialTokenIds(HfFolder folder, HfVocabulary vocabulary, AddedTokens added, SentencePieceModel? pieces, List<string> notices)
    {
        _folder = folder;
        _vocabulary = vocabulary;
        _added = added;
        _notices = notices;
        bool byClass = pieces is null && folder.Tokenizer is null; // the classes that read vocab.json have defaults of their own
        foreach (string name in (string[])["bos", "eos", "unk", "sep", "pad", "cls", "mask"])
        {
            int id = ByText(name);
            if (id < 0) id = ById(name);
            if (id < 0 && pieces is not null) id = pieces.FindRole(name);
            if (id < 0 && byClass && name is "eos" or "unk") id = vocabulary.Find("<|endoftext|>");
            if (id >= 0) _ids[name] = id;
        }
        foreach (string text in Additional()) MakeControl(text, "additional_special_tokens");
        (int first, int last) = folder.Tokenizer is { } tokenizer ? PostProcessor.Read(tokenizer) : (-1, -1);
        if (vocabulary.Model == WordPieceVocabulary.Name)
        {
            SurroundTexts(first, last);
            (_addsBos, _addsEos) = (true, true);
            return;
        }
        _addsBos = Adds("bos", first, unsaid: vocabulary.Model == "llama");
        _addsEos = Adds("eos", last, unsaid: false);
        if (!_ids.ContainsKey("eos"))
            throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"{folder.Path}: no file names an end token (eos_token_id in config.json), and readers of a GGUF file would take some other");
        AddEnds();
    }

    /// <summary>Writes the keys.</summary>
    public void WriteTo(GgufWriter writer)
    {
        foreach ((string name, string key) in s_roles)
            if (_ids.TryGetValue(name, out int id)) writer.AddMetadata($"tokenizer.ggml.{key}_token_id", (uint)id);
        writer.AddMetadata("tokenizer.ggml.add_bos_token", _addsBos);
        writer.AddMetadata("tokenizer.ggml.add_eos_token", _addsEos);
    }

    // Readers of a WordPiece vocabulary put the first of these before each text and the second one after it.
    private void SurroundTexts(int first, int last)
    {
        foreach (string name in (string[])["cls", "sep", "unk"])
        {
            if (!_ids.ContainsKey(name) && _vocabulary.Find($"[{name.ToUpperInvariant()}]") is >= 0 and int id) _ids[name] = id;
            if (!_ids.ContainsKey(name)) throw new EdgeLlmException(ErrorCode.InvalidFile, $"{_folder.Path}: no file names a {name}_token");
        }
        if (_folder.Tokenizer is { } tokenizer && (first, last) != (_ids["cls"], _ids["sep"]))
            throw tokenizer.Unsupported($"post_processor: expected {_ids["cls"]} before texts and {_ids["sep"]} after them, as readers of a GGUF file "
                + $"do, found {first} and {last}");
        _ids["bos"] = _ids["cls"];
        _ids["eos"] = _ids["sep"];
    }

    private int ByText(string name)
    {
        string key = $"{name}_token";
        foreach (CheckedJson? file in (CheckedJson?[])[_folder.TokenizerConfig, _folder.SpecialTokensMap])
        {
            if (file is not { } given || !given.TryGet(key, out JsonElement value)) continue;
            string text = SpecialText(given, key, value);
            if (MakeControl(text, key) is >= 0 and int id) return id;
            if (name is "bos" or "eos" && !_added.IsLeftOut(text)) throw given.Invalid($"{key}: '{text}' is no token of the vocabulary");
        }
        return -1;
    }

    // Hugging Face's tokenizers find their special tokens in texts.
    private int MakeControl(string text, string key)
    {
        int id = _vocabulary.Find(text);
        if (id >= 0) _vocabulary.MakeControl(id);
        else if (!_added.IsLeftOut(text)) _notices.Add($"{key}: '{text}' is no token of the vocabulary and is left out");
        return id;
    }

    private IEnumerable<string> Additional()
    {
        foreach (CheckedJson? file in (CheckedJson?[])[_folder.TokenizerConfig, _folder.SpecialTokensMap])
            foreach (string key in (string[])["additional_special_tokens", "extra_special_tokens"])
            {
                if (file is not { } given || !given.TryGet(key, out JsonElement value)) continue;
                IEnumerable<JsonElement> elements = value.ValueKind == JsonValueKind.Object
                    ? value.EnumerateObject().Select(member => member.Value) : given.Array(key);
                foreach (JsonElement element in elements) yield return SpecialText(given, key, element);
            }
    }

    /// <summary>A text, or an object with one as its content.</summary>
    private string SpecialText(CheckedJson file, string key, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) return file.Text(key, value);
        CheckedJson token = file.Item(key, value);
        _folder.AddedTokenKeys.Check(token);
        return token.Text("content") ?? throw token.Invalid("missing key content");
    }

    /// <summary>An id, or the first of several. Ids that only stand for padding may be beyond the vocabulary.</summary>
    private int ById(string name)
    {
        string key = $"{name}_token_id";
        foreach (CheckedJson? file in (CheckedJson?[])[_folder.Config, _folder.Generation])
        {
            if (file is not { } given || given.Ints(key) is not [int id, ..]) continue;
            if (id >= 0 && id < _vocabulary.Size) return id;
            if (name is "bos" or "eos") throw given.Invalid($"{key}: expected an id from 0 to {_vocabulary.Size - 1}, found {id}");
        }
        return -1;
    }

    // tokenizer_config.json says so, or the template of the post-processor, or the class's default.
    private bool Adds(string name, int edge, bool unsaid)
    {
        string key = $"add_{name}_token";
        bool? asked = _folder.TokenizerConfig?.Flag(key);
        if (_folder.Tokenizer is { } tokenizer)
        {
            if (edge >= _vocabulary.Size) throw tokenizer.Invalid($"post_processor: expected an id below {_vocabulary.Size}, found {edge}");
            if (edge >= 0 && asked is not false && !_ids.TryAdd(name, edge) && _ids[name] != edge)
                throw tokenizer.Unsupported(
                    $"post_processor: it adds token {edge}, and {name}_token is {_ids[name]}: a GGUF file can say the latter only");
            if (asked is { } flag && flag != edge >= 0)
                _notices.Add($"tokenizer_config.json: {key} is {(flag ? "true" : "false")}, and tokenizer.json's post_processor "
                    + $"{(edge >= 0 ? "adds one" : "adds none")}: the former counts");
            unsaid = edge >= 0;
        }
        bool adds = asked ?? unsaid;
        if (adds && !_ids.ContainsKey(name))
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{_folder.Path}: {key}, and no file names a {name}_token");
        return adds;
    }

    // Generation ends at each of several tokens. Readers know many by their texts; others take the places of "end of turn" and "end of message".
    private void AddEnds()
    {
        int[] ends = _folder.Generation?.Ints("eos_token_id") is { Length: > 0 } several ? several : _folder.Config.Ints("eos_token_id");
        Vocabulary readers = _vocabulary.Read(_ids);
        if (ends.Contains(readers.EotId)) _ids["eot"] = readers.EotId;
        if (ends.Contains(readers.EomId)) _ids["eom"] = readers.EomId;
        foreach (int id in ends)
        {
            if (id < 0 || id >= _vocabulary.Size)
                throw new EdgeLlmException(ErrorCode.InvalidFile,
                    $"{_folder.Path}: eos_token_id: expected ids from 0 to {_vocabulary.Size - 1}, found {id}");
            if (readers.IsEndOfGeneration(id) || _ids.TryAdd("eot", id) || _ids.TryAdd("eom", id) || _ids["eot"] == id || _ids["eom"] == id) continue;
            throw new EdgeLlmException(ErrorCode.Unsupported,
                $"{_folder.Path}: eos_token_id: {ends.Length} ids, and a GGUF file has no place for {id}; it can say three besides "
                + "those known by their texts");
        }
        for (int id = 0; id < _vocabulary.Size; id++)
            if (_vocabulary.GetType(id) == TokenType.Normal && readers.GetType(id) != TokenType.Normal)
                _notices.Add($"token '{_vocabulary.GetText(id)}' is plain text here, and a control token to readers of GGUF files");
    }
}
