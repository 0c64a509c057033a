using System.Buffers.Binary;
using System.Text;

namespace Edge.Llm.Tests.Support;

/// <summary>Replacements as SentencePiece stores them: a trie in a double array, then the texts.</summary>
internal sealed class CharacterMaps
{
    private const int Block = 256;

    private readonly SortedDictionary<int, uint> _units = new() { [0] = 0 };
    private readonly Dictionary<string, int> _offsets = []; // source as Latin-1 to the place of its replacement
    private readonly List<byte> _texts = [];

    public static byte[] Make(params (string Source, string Target)[] replacements)
    {
        var map = new CharacterMaps();
        foreach ((string source, string target) in replacements)
        {
            map._offsets.Add(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(source)), map._texts.Count);
            map._texts.AddRange([.. Encoding.UTF8.GetBytes(target), 0]);
        }
        map.Place(0, "");
        var units = new uint[(map._units.Keys.Max() | (Block - 1)) + 1];
        foreach ((int at, uint unit) in map._units) units[at] = unit;
        return Raw(units, [.. map._texts]);
    }

    /// <summary>The bytes of any units and texts.</summary>
    public static byte[] Raw(uint[] units, byte[] texts)
    {
        var bytes = new byte[4 + 4 * units.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, 4 * units.Length);
        for (int i = 0; i < units.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 + 4 * i), units[i]);
        return [.. bytes, .. texts];
    }

    /// <summary>Puts the children of a node where their places, base ^ byte, are free; byte 0 holds the place of the replacement.</summary>
    private void Place(int node, string prefix)
    {
        int[] labels = [.. _offsets.Keys.Where(source => source.StartsWith(prefix, StringComparison.Ordinal))
            .Select(source => source.Length == prefix.Length ? 0 : source[prefix.Length]).Distinct().Order()];
        int start = Enumerable.Range(1, 1 << 20).First(candidate => !labels.Any(label => _units.ContainsKey(candidate ^ label)));
        foreach (int label in labels) _units.Add(start ^ label, label == 0 ? 0x8000_0000 | (uint)_offsets[prefix] : (uint)label);
        _units[node] |= ((uint)(start ^ node) << 10) | (labels[0] == 0 ? 0x100u : 0);
        foreach (int label in labels.Where(label => label > 0)) Place(start ^ label, prefix + (char)label);
    }
}
