using System.Text;
using System.Text.Unicode;
using Edge.Llm.Memory;

namespace Edge.Llm.Conversion;

/// <summary>A SentencePiece model (tokenizer.model): a protocol buffer of pieces and settings, of which only the few fields are read that a GGUF
/// file needs. The file is untrusted.</summary>
internal sealed class SentencePieceModel
{
    private const int MaxPieces = 1 << 24;
    private const int PiecesField = 1, TrainerField = 2, NormalizerField = 3; // of ModelProto

    private readonly List<(string Text, float Score, TokenType Type)> _pieces = [];

    /// <summary>The pieces, their scores, and their types: SentencePiece's numbers, but for "normal", are those of GGUF.</summary>
    public IReadOnlyList<(string Text, float Score, TokenType Type)> Pieces => _pieces;

    /// <summary>normalizer_spec.add_dummy_prefix: a space is put before a text.</summary>
    public bool AddDummyPrefix { get; private set; } = true;

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
        int kind = 1; // UNIGRAM, where the file does not say
        while (reader.Next())
        {
            if (reader.Is(PiecesField, ProtobufReader.Bytes)) _pieces.Add(ReadPiece(reader.Message()));
            else if (reader.Is(TrainerField, ProtobufReader.Bytes)) kind = (int)ReadVarint(reader.Message(), 3, (ulong)kind); // model_type
            else if (reader.Is(NormalizerField, ProtobufReader.Bytes)) AddDummyPrefix = ReadVarint(reader.Message(), 3, 1) != 0;
            if (_pieces.Count > MaxPieces) throw reader.Invalid($"more than {MaxPieces} pieces");
        }
        if (_pieces.Count == 0) throw reader.Invalid("no pieces");
        if (kind != 2)
            throw new EdgeLlmException(ErrorCode.Unsupported, $"{path}: a SentencePiece model of kind {kind}; expected 2 (BPE)");
    }

    private static (string, float, TokenType) ReadPiece(ProtobufReader piece)
    {
        string text = "";
        float score = 0;
        ulong type = (ulong)TokenType.Normal;
        while (piece.Next())
        {
            if (piece.Is(1, ProtobufReader.Bytes))
                text = Utf8.IsValid(piece.Span) ? Encoding.UTF8.GetString(piece.Span) : throw piece.Invalid("a piece that is not valid UTF-8");
            else if (piece.Is(2, ProtobufReader.Fixed32)) score = BitConverter.UInt32BitsToSingle((uint)piece.Number);
            else if (piece.Is(3, ProtobufReader.Varint)) type = piece.Number;
        }
        if (type is < (ulong)TokenType.Normal or > (ulong)TokenType.Byte) throw piece.Invalid($"piece '{text}': type {type}, expected 1 to 6");
        if (!float.IsFinite(score)) throw piece.Invalid($"piece '{text}': a score that is not finite");
        return (text, score, (TokenType)type);
    }

    private static ulong ReadVarint(ProtobufReader message, int field, ulong fallback)
    {
        ulong value = fallback;
        while (message.Next())
            if (message.Is(field, ProtobufReader.Varint)) value = message.Number;
        return value;
    }
}

/// <summary>Steps through the fields of a protocol buffer message, all lengths checked.</summary>
internal ref struct ProtobufReader(string path, ReadOnlySpan<byte> bytes)
{
    /// <summary>The wire types.</summary>
    public const int Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _position;
    private int _field, _wire;

    /// <summary>The field's number: a varint, or the bits of a fixed one.</summary>
    public ulong Number { get; private set; }

    /// <summary>The field's bytes.</summary>
    public ReadOnlySpan<byte> Span { get; private set; }

    /// <summary>Steps to the next field; false at the end.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public bool Next()
    {
        if (_position == _bytes.Length) return false;
        ulong key = ReadVarint();
        _wire = (int)(key & 7);
        if (key >> 3 is 0 or > 1 << 29) throw Invalid($"field {key >> 3}, expected 1 to {1 << 29}");
        _field = (int)(key >> 3);
        switch (_wire)
        {
            case Varint: Number = ReadVarint(); break;
            case Fixed64: Number = BitConverter.ToUInt64(Consume(sizeof(ulong))); break;
            case Fixed32: Number = BitConverter.ToUInt32(Consume(sizeof(uint))); break;
            case Bytes: Span = Consume(ReadVarint()); break;
            default: throw Invalid($"wire type {_wire}, expected 0, 1, 2 or 5");
        }
        return true;
    }

    /// <summary>Whether this is a field of that number and wire type.</summary>
    public readonly bool Is(int field, int wire) => _field == field && _wire == wire;

    /// <summary>The field's bytes as a message.</summary>
    public readonly ProtobufReader Message() => new(path, Span);

    /// <summary>An error about the place where the reader is.</summary>
    public readonly EdgeLlmException Invalid(string message) =>
        new(ErrorCode.InvalidFile, $"{path}: not a SentencePiece model: {message} (before byte {_position} of {_bytes.Length})");

    private ReadOnlySpan<byte> Consume(ulong count)
    {
        if (count > (ulong)(_bytes.Length - _position)) throw Invalid($"a field of {count} bytes, and {_bytes.Length - _position} are left");
        ReadOnlySpan<byte> bytes = _bytes.Slice(_position, (int)count);
        _position += (int)count;
        return bytes;
    }

    private ulong ReadVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if (_position == _bytes.Length) throw Invalid("the file ends within a number");
            byte next = _bytes[_position++];
            value |= shift < 64 ? (ulong)(next & 0x7f) << shift : 0;
            if (next < 0x80) return value;
        }
        throw Invalid("a number of more than ten bytes");
    }
}
