namespace Edge.Llm.Conversion;

/// <summary>Steps through the fields of a protocol buffer message, all lengths checked.</summary>
internal ref struct ProtobufReader(string path, ReadOnlySpan<byte> bytes)
{
    /// <summary>The wire types.</summary>
    public const int Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _position;
    private int _field, _wire;

    /// <summary>The field's number in its message.</summary>
    public readonly int Field => _field;

    /// <summary>The field's value where it is a number: a varint, or the bits of a fixed one.</summary>
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
