using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Edge.Llm.Tokenization;

/// <summary>The replacements of characters that a Unigram model was trained with (<c>precompiled_charsmap</c>, SentencePiece's format): the size
/// of a trie in bytes, the trie as a double array of 32-bit units, and texts that end with a zero. The file is untrusted: a walk that leaves
/// the arrays is an error.</summary>
internal sealed class CharacterMap
{
    private const string Key = "tokenizer.ggml.precompiled_charsmap";

    private readonly uint[] _units;
    private readonly byte[] _texts;

    public CharacterMap(ReadOnlySpan<byte> map)
    {
        const int UnitSize = sizeof(uint);
        if (map.Length < UnitSize) throw Error($"expected at least {UnitSize} bytes, found {map.Length}");
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(map);
        map = map[UnitSize..];
        if (size >= map.Length || size < UnitSize || size % UnitSize != 0)
            throw Error($"expected a trie of whole units in {map.Length} bytes, and texts behind it; found a size of {size}");
        _units = MemoryMarshal.Cast<byte, uint>(map[..(int)size]).ToArray();
        _texts = map[(int)size..].ToArray();
    }

    /// <summary>Reads the map of a file; null if it has none.</summary>
    public static CharacterMap? Read(GgufMetadata metadata)
    {
        if (!metadata.TryGetArray(Key, out GgufArray array) || array.Count == 0) return null;
        int[] values = array.GetInt32s();
        var bytes = new byte[values.Length];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = values[i] is >= sbyte.MinValue and <= byte.MaxValue ? (byte)values[i] : throw Error($"expected bytes, found {values[i]}");
        return new CharacterMap(bytes);
    }

    /// <summary>Length of the longest beginning of a text that is to be replaced, or 0.</summary>
    public int Match(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement)
    {
        int longest = 0;
        uint value = 0, node = Base(Unit(0));
        for (int at = 0; at < text.Length && text[at] != 0; at++)
        {
            node ^= text[at];
            uint unit = Unit(node);
            if (Check(unit) != text[at]) break;
            node ^= Base(unit);
            if (!IsLeaf(unit)) continue;
            longest = at + 1;
            value = Value(Unit(node));
        }
        replacement = longest > 0 ? TextAt(value) : default;
        return longest;
    }

    private uint Unit(uint node) => node < _units.Length ? _units[node] : throw Error($"unit {node} of {_units.Length}");

    private ReadOnlySpan<byte> TextAt(uint start)
    {
        if (start >= _texts.Length) throw Error($"a text at {start} of {_texts.Length} bytes");
        ReadOnlySpan<byte> text = _texts.AsSpan((int)start);
        int end = text.IndexOf((byte)0);
        return end >= 0 ? text[..end] : throw Error($"the text at {start} does not end");
    }

    private static uint Base(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private static uint Check(uint unit) => unit & 0x8000_00FF;

    private static bool IsLeaf(uint unit) => (unit & 0x100) != 0;

    private static uint Value(uint unit) => unit & 0x7FFF_FFFF;

    private static EdgeLlmException Error(string message) => new(ErrorCode.InvalidFile, $"{Key}: {message}");
}
