using System.IO.Hashing;
using System.Numerics;

namespace Edge.Llm.Tokenization;

/// <summary>Finds a token by its text: an open-addressed table of (hash, id) over the packed strings.</summary>
internal sealed class TokenIndex
{
    private readonly PackedStrings _strings;
    private readonly ulong[] _slots; // upper half: upper half of the hash; lower half: id + 1, 0 when free
    private readonly int _mask;

    public TokenIndex(PackedStrings strings)
    {
        _strings = strings;
        _slots = new ulong[BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, strings.Count * 2L))];
        _mask = _slots.Length - 1;
        for (int id = 0; id < strings.Count; id++) Add(id);
    }

    /// <summary>The id of the token of this text, or -1. Of equal texts the first counts; an empty text is never found.</summary>
    public int Find(ReadOnlySpan<byte> text)
    {
        ulong hash = XxHash3.HashToUInt64(text);
        for (int at = (int)hash & _mask; _slots[at] != 0; at = (at + 1) & _mask)
        {
            int id = (int)(uint)_slots[at] - 1;
            if (_slots[at] >> 32 == hash >> 32 && _strings[id].SequenceEqual(text)) return id;
        }
        return -1;
    }

    private void Add(int id)
    {
        ReadOnlySpan<byte> text = _strings[id];
        if (text.IsEmpty) return;
        ulong hash = XxHash3.HashToUInt64(text);
        int at = (int)hash & _mask;
        for (; _slots[at] != 0; at = (at + 1) & _mask)
            if (_slots[at] >> 32 == hash >> 32 && _strings[(int)(uint)_slots[at] - 1].SequenceEqual(text)) return;
        _slots[at] = (hash >> 32 << 32) | ((uint)id + 1);
    }
}
