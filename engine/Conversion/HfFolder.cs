using System.Text;
using Edge.Llm.Memory;

namespace Edge.Llm.Conversion;

/// <summary>The small files of a Hugging Face folder, their keys checked.</summary>
internal sealed class HfFolder
{
    private const long MaxTextBytes = 64 << 20;

    /// <summary>Reads the files.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public HfFolder(string path)
    {
        Path = path;
        Config = CheckedJson.Load(In("config.json"));
        Generation = Load("generation_config.json", KnownKeys.Generation);
        Tokenizer = CheckedJson.LoadIfThere(In("tokenizer.json"));
        TokenizerConfig = Load("tokenizer_config.json", KnownKeys.TokenizerConfig);
        SpecialTokensMap = Load("special_tokens_map.json", KnownKeys.SpecialTokensMap);
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>config.json, whose keys its reader checks.</summary>
    public CheckedJson Config { get; }

    /// <summary>The keys of a token that was added to the vocabulary.</summary>
    public KeyTable AddedTokenKeys => Config.Text("model_type") == "phi3" ? KnownKeys.AddedTokenOfPhi : KnownKeys.AddedToken;

    /// <summary>generation_config.json.</summary>
    public CheckedJson? Generation { get; }

    /// <summary>tokenizer.json, whose keys its reader checks.</summary>
    public CheckedJson? Tokenizer { get; }

    /// <summary>tokenizer_config.json.</summary>
    public CheckedJson? TokenizerConfig { get; }

    /// <summary>special_tokens_map.json.</summary>
    public CheckedJson? SpecialTokensMap { get; }

    /// <summary>The path of a file.</summary>
    public string In(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>The text of a file, or null where there is none.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public unsafe string? ReadText(string name)
    {
        if (!File.Exists(In(name))) return null;
        using MappedFile file = MappedFile.Open(In(name), map: false);
        if (file.Length > MaxTextBytes)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: {file.Length} bytes, expected at most {MaxTextBytes}");
        return Encoding.UTF8.GetString(file.Data, (int)file.Length);
    }

    private CheckedJson? Load(string name, KeyTable keys)
    {
        CheckedJson? json = CheckedJson.LoadIfThere(In(name));
        if (json is { } there) keys.Check(there);
        return json;
    }
}
