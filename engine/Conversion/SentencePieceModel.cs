using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Edge.Llm.Memory;

namespace Edge.Llm.Conversion;

/// <summary>A SentencePiece model (tokenizer.model): a protocol buffer of pieces and settings. Settings that readers of a GGUF file do not follow are
/// refused by name. The file is untrusted.</summary>
internal sealed class SentencePieceModel
{
    private const int MaxPieces = 1 << 24;
    private const int PiecesField = 1, TrainerField = 2, NormalizerField = 3, SelfTestField = 4, DenormalizerField = 5; // of ModelProto

    /// <summary>Settings of a trainer_spec that steer encoding: the value where the file says nothing, and the one it must have.</summary>
    private static readonly Dictionary<int, Setting> s_trainer = new()
    {
        [3] = new("model_type", 1, 2), // BPE
        [24] = new("treat_whitespace_as_suffix", 0, 0),
        [35] = new("byte_fallback", 0, 1),
    };

    /// <summary>Those of a normalizer_spec.</summary>
    private static readonly Dictionary<int, Setting> s_normalizer = new()
    {
        [AddDummyPrefixField] = new("add_dummy_prefix", 1, null),
        [4] = new("remove_extra_whitespaces", 1, 0),
        [5] = new("escape_whitespaces", 1, 1),
    };

    private const int AddDummyPrefixField = 3, CharsmapField = 2, LastTrainerField = 54, LastNormalizerField = 6;

    /// <summary>Texts of special tokens, by Hugging Face's names: fields of the trainer_spec, and what they are where it does not say.</summary>
    private static readonly (string Role, int Field, string Text)[] s_roles =
        [("unk", 45, "<unk>"), ("bos", 46, "<s>"), ("eos", 47, "</s>"), ("pad", 48, "<pad>")];

    private readonly List<(string Text, float Score, TokenType Type)> _pieces = [];
    private readonly Dictionary<string, string> _roles = s_roles.ToDictionary(role => role.Role, role => role.Text);

    private readonly record struct Setting(string Name, ulong Unsaid, ulong? Must);

    /// <summary>The pieces, their scores, and their types: SentencePiece's numbers, but for "normal", are those of GGUF.</summary>
    public IReadOnlyList<(string Text, float Score, TokenType Type)> Pieces => _pieces;

    /// <summary>normalizer_spec.add_dummy_prefix: a space is put before a text.</summary>
    public bool AddDummyPrefix { get; private set; } = true;

    /// <summary>The id of the piece for a role (unk, bos, eos, pad), or -1.</summary>
    public int FindRole(string role) => _roles.TryGetValue(role, out string? text)
        ? _pieces.FindIndex(piece => piece.Text == text && piece.Type is TokenType.Control or TokenType.Unknown) : -1;

    /// <summary>Whether a file is one, going by its first byte: field 1, a message.</summary>
    public static bool IsOne(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            return stream.ReadByte() == (PiecesField << 3 | ProtobufReader.Bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile; Unsupported: a kind of model that is not BPE.</exception>
    public static unsafe SentencePieceModel Load(string path)
    {
        using MappedFile file = MappedFile.Open(path, map: false);
        if (file.Length > int.MaxValue)
            throw new EdgeLlmException(ErrorCode.InvalidFile, $"{path}: {file.Length} bytes, expected a SentencePiece model");
        var model = new SentencePieceModel();
        model.Read(path, new ReadOnlySpan<byte>(file.Data, (int)file.Length));
        return model;
    }

    private void Read(string path, ReadOnlySpan<byte> bytes)
    {
        var reader = new ProtobufReader(path, bytes);
        var seen = new HashSet<int>();
        while (reader.Next())
        {
            if (reader.Is(PiecesField, ProtobufReader.Bytes)) _pieces.Add(ReadPiece(reader.Message()));
            else if (!seen.Add(reader.Field)) throw reader.Invalid($"field {reader.Field} appears twice");
            else if (reader.Is(TrainerField, ProtobufReader.Bytes)) ReadTrainer(path, reader.Message());
            else if (reader.Is(NormalizerField, ProtobufReader.Bytes)) ReadNormalizer(path, reader.Message());
            else if (reader.Is(DenormalizerField, ProtobufReader.Bytes)) ReadCharsmap(path, reader.Message());
            else if (!reader.Is(SelfTestField, ProtobufReader.Bytes)) throw Unknown(path, "the model", reader.Field);
            if (_pieces.Count > MaxPieces) throw reader.Invalid($"more than {MaxPieces} pieces");
        }
        if (_pieces.Count == 0) throw reader.Invalid("no pieces");
        if (!seen.Contains(TrainerField)) throw reader.Invalid("no trainer_spec");
        if (!seen.Contains(NormalizerField)) throw reader.Invalid("no normalizer_spec");
        CheckPieces(path);
    }

    private void ReadTrainer(string path, ProtobufReader spec)
    {
        var values = new Dictionary<int, ulong>();
        while (spec.Next())
        {
            if (spec.Field > LastTrainerField) throw Unknown(path, "trainer_spec", spec.Field);
            if (s_trainer.ContainsKey(spec.Field)) AddValue(spec, values);
            foreach ((string role, int field, _) in s_roles)
                if (spec.Is(field, ProtobufReader.Bytes)) _roles[role] = ReadText(spec);
        }
        CheckValues(path, "trainer_spec", s_trainer, values);
    }

    private void ReadNormalizer(string path, ProtobufReader spec)
    {
        var values = new Dictionary<int, ulong>();
        ReadCharsmap(path, spec);
        while (spec.Next())
        {
            if (spec.Field > LastNormalizerField) throw Unknown(path, "normalizer_spec", spec.Field);
            if (s_normalizer.ContainsKey(spec.Field)) AddValue(spec, values);
        }
        CheckValues(path, "normalizer_spec", s_normalizer, values);
        AddDummyPrefix = values.GetValueOrDefault(AddDummyPrefixField, 1ul) != 0;
    }

    private static void ReadCharsmap(string path, ProtobufReader spec)
    {
        while (spec.Next())
            if (spec.Field == CharsmapField && !(spec.Is(CharsmapField, ProtobufReader.Bytes) && spec.Span.IsEmpty))
                throw new EdgeLlmException(ErrorCode.Unsupported,
                    $"{path}: precompiled_charsmap: expected none, found one: readers of a GGUF file do not normalize such texts");
    }

    private static void AddValue(ProtobufReader spec, Dictionary<int, ulong> values)
    {
        if (!spec.Is(spec.Field, ProtobufReader.Varint)) throw spec.Invalid($"field {spec.Field}: expected a number");
        if (!values.TryAdd(spec.Field, spec.Number)) throw spec.Invalid($"field {spec.Field} appears twice");
    }

    private static void CheckValues(string path, string where, Dictionary<int, Setting> settings, Dictionary<int, ulong> values)
    {
        foreach ((int field, Setting setting) in settings)
            if (setting.Must is { } must && values.GetValueOrDefault(field, setting.Unsaid) is ulong found && found != must)
                throw new EdgeLlmException(ErrorCode.Unsupported,
                    $"{path}: {where}: {setting.Name}: expected {must}, found {found}, which a GGUF file of this kind cannot say");
    }

    // What SentencePiece itself asks of its pieces, and what readers of a GGUF file would do otherwise.
    private void CheckPieces(string path)
    {
        var bytes = new HashSet<string>(_pieces.Where(piece => piece.Type == TokenType.Byte).Select(piece => piece.Text));
        for (int value = 0; value < 256; value++)
            if (!bytes.Contains(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>")))
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"{path}: byte_fallback, and no byte <0x{value:X2}> among the pieces");
        // Runs of spaces may be user-defined: both find the longest first.
        foreach ((string text, _, TokenType type) in _pieces)
            if (type == TokenType.Unused || (type == TokenType.UserDefined && (AddDummyPrefix
                || (text.Contains('▁', StringComparison.Ordinal) && text.Trim('▁').Length > 0))))
                throw new EdgeLlmException(ErrorCode.Unsupported,
                    $"{path}: piece '{text}' is of type {type}, and readers of a GGUF file cut texts with it otherwise");
    }

    private static (string, float, TokenType) ReadPiece(ProtobufReader piece)
    {
        string text = "";
        float score = 0;
        ulong type = (ulong)TokenType.Normal;
        var seen = new HashSet<int>(3);
        while (piece.Next())
        {
            if (!seen.Add(piece.Field)) throw piece.Invalid($"piece '{text}': field {piece.Field} appears twice");
            if (piece.Is(1, ProtobufReader.Bytes)) text = ReadText(piece);
            else if (piece.Is(2, ProtobufReader.Fixed32)) score = BitConverter.UInt32BitsToSingle((uint)piece.Number);
            else if (piece.Is(3, ProtobufReader.Varint)) type = piece.Number;
            else throw piece.Invalid($"piece '{text}': field {piece.Field} is not known, or not of its kind");
        }
        if (text.Length == 0) throw piece.Invalid("a piece without text");
        if (type is < (ulong)TokenType.Normal or > (ulong)TokenType.Byte) throw piece.Invalid($"piece '{text}': type {type}, expected 1 to 6");
        if (!float.IsFinite(score)) throw piece.Invalid($"piece '{text}': a score that is not finite");
        return (text, score, (TokenType)type);
    }

    private static string ReadText(ProtobufReader field) =>
        Utf8.IsValid(field.Span) ? Encoding.UTF8.GetString(field.Span) : throw field.Invalid("a text that is not valid UTF-8");

    private static EdgeLlmException Unknown(string path, string where, int field) =>
        new(ErrorCode.Unsupported, $"{path}: {where}: field {field} is not known here, so what it asks for would be lost");
}
