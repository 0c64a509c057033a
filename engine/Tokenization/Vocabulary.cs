using Edge.Llm.Tokenization;

namespace Edge.Llm;

/// <summary>The tokens of a model: their texts as the file spells them, scores, types and special ids. Immutable.</summary>
public sealed class Vocabulary
{
    private readonly PackedStrings _texts;
    private readonly TokenIndex _index;
    private readonly float[]? _scores;
    private readonly TokenType[] _types;
    private readonly Dictionary<string, int> _ids;
    private readonly HashSet<int> _endOfGeneration;

    internal Vocabulary(VocabularyData data)
    {
        Model = data.Model;
        ModelName = data.ModelName;
        Architecture = data.Architecture;
        _texts = data.Texts;
        _index = new TokenIndex(data.Texts);
        _scores = data.Scores;
        _types = new TokenType[Count];
        if (data.Types is null) Array.Fill(_types, TokenType.Normal);
        else Array.Copy(data.Types, _types, Count);

        TokenizerKind kind = TokenizerKinds.Get(Model);
        Pre = kind.OnlyPre ?? data.Pre;
        PreTokenizer? pre = kind.HasPreTokenizer ? PreTokenizer.Get(Pre) : null;
        _ids = new Dictionary<string, int>(data.Ids);
        foreach ((string key, int id) in kind.DefaultIds)
            if (id < Count && !(key == "bos_token_id" && pre is { NoDefaultBos: true })) _ids.TryAdd(key, id);
        foreach (string key in kind.RequiredIds)
            if (Id(key) < 0) throw new EdgeLlmException(ErrorCode.InvalidFile, $"tokenizer.ggml.{key} names no token, which {Model} needs");

        AddBos = kind.BetweenClsAndSep || pre is { ForceBos: true } || (data.AddBos ?? (kind.AddBos || pre is { AddBos: true }));
        AddEos = !kind.BetweenClsAndSep && (data.AddEos ?? kind.AddEos);
        AddSep = SepId >= 0 && (data.AddSep ?? false);
        AddSpacePrefix = data.AddSpacePrefix ?? kind.AddSpacePrefix;
        if (AddBos && BosId < 0) throw MissingId("add_bos_token", "bos_token_id");
        if (AddEos && EosId < 0) throw MissingId("add_eos_token", "eos_token_id");
        EndId = kind.BetweenClsAndSep ? SepId : AddEos ? EosId : -1;
        _endOfGeneration = SpecialTokens.Resolve(this, _ids, _types);
        for (int id = 0; id < Count; id++) LongestText = Math.Max(LongestText, _texts[id].Length);
    }

    /// <summary>Reads the <c>tokenizer.ggml.*</c> keys of a file. The vocabulary does not need the file afterwards.</summary>
    public static Vocabulary FromGguf(GgufMetadata metadata) => new(VocabularyData.Read(metadata));

    /// <summary>Kind of tokenizer: <c>tokenizer.ggml.model</c>.</summary>
    public string Model { get; }

    /// <summary>How text is cut into words before merging, by the name in <c>tokenizer.ggml.pre</c>. Kinds that do not merge ignore it.</summary>
    public string Pre { get; }

    /// <summary>Number of tokens.</summary>
    public int Count => _texts.Count;

    /// <summary>Begin of text, or -1. CLS of models that have one.</summary>
    public int BosId => Id("bos_token_id");

    /// <summary>End of text, or -1.</summary>
    public int EosId => Id("eos_token_id");

    /// <summary>End of turn, or -1.</summary>
    public int EotId => Id("eot_token_id");

    /// <summary>End of message, or -1.</summary>
    public int EomId => Id("eom_token_id");

    /// <summary>Unknown text, or -1.</summary>
    public int UnkId => Id("unknown_token_id");

    /// <summary>Separator, or -1.</summary>
    public int SepId => Id("seperator_token_id");

    /// <summary>Padding, or -1.</summary>
    public int PadId => Id("padding_token_id");

    /// <summary>What stands for hidden text, or -1.</summary>
    public int MaskId => Id("mask_token_id");

    /// <summary>Whether a text begins with <see cref="BosId"/>.</summary>
    public bool AddBos { get; }

    /// <summary>Whether a text ends with <see cref="EosId"/>.</summary>
    public bool AddEos { get; }

    /// <summary>The token that a text ends with: EOS, SEP of a WordPiece model, or -1.</summary>
    public int EndId { get; }

    /// <summary>Whether <see cref="SepId"/> stands between the two texts of a pair, behind the first one's end.</summary>
    public bool AddSep { get; }

    /// <summary>Whether a space is put before text at the beginning and after special tokens.</summary>
    public bool AddSpacePrefix { get; }

    /// <summary>Whether generation stops after this token.</summary>
    public bool IsEndOfGeneration(int id) => _endOfGeneration.Contains(id);

    /// <summary>The tokens that stop generation.</summary>
    public IReadOnlyCollection<int> EndOfGenerationIds => _endOfGeneration;

    /// <summary>A token's text as the file spells it, in UTF-8: <c>▁the</c>, <c>Ġthe</c>, <c>&lt;0x0A&gt;</c>.</summary>
    public ReadOnlySpan<byte> GetText(int id) => _texts[Check(id)];

    /// <summary>A token's type.</summary>
    public TokenType GetType(int id) => _types[Check(id)];

    /// <summary>A token's score: higher merges first, or makes a path better.</summary>
    public float GetScore(int id) => _scores is null ? 0 : _scores[Check(id)];

    /// <summary>The id of the token that the file spells like this, or -1.</summary>
    public int Find(ReadOnlySpan<byte> text) => _index.Find(text);

    /// <summary>All texts, by id.</summary>
    internal PackedStrings Texts => _texts;

    internal string ModelName { get; }

    internal string Architecture { get; }

    /// <summary>Bytes of the longest text.</summary>
    internal int LongestText { get; }

    internal int Check(int id) => (uint)id < (uint)Count ? id : throw OutOfRange(id);

    private int Id(string key) => _ids.GetValueOrDefault(key, -1);

    private EdgeLlmException OutOfRange(int id) =>
        new(ErrorCode.InvalidArgument, $"token id {id}: expected 0 to {Count - 1}");

    private static EdgeLlmException MissingId(string flag, string id) =>
        new(ErrorCode.InvalidFile, $"tokenizer.ggml.{flag} is true, but tokenizer.ggml.{id} names no token");
}
