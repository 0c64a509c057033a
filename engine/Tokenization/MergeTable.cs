using System.Numerics;
using System.Text;

namespace Edge.Llm.Tokenization;

/// <summary>BPE merges by pairs of ids. A merge may be made of text that is no token: such text gets an id of its own, from the
/// vocabulary's count on.</summary>
internal sealed class MergeTable
{
    private const ulong Free = ulong.MaxValue;

    private readonly Vocabulary _vocabulary;
    private readonly int[] _byteTokens;
    private readonly Dictionary<string, int> _extraIds = []; // text as Latin-1 to id
    private readonly List<int[]> _extraTokens = [];
    private readonly Entry[] _entries;
    private readonly int _shift;

    private struct Entry
    {
        public ulong Pair;
        public uint Rank;
        public int MergedId;
    }

    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">Two texts with a space between them each, the earliest first.</param>
    /// <param name="byteTokens">The tokens that stand for the bytes of text that is no token, or -1.</param>
    public MergeTable(Vocabulary vocabulary, PackedStrings merges, int[] byteTokens)
    {
        _vocabulary = vocabulary;
        _byteTokens = byteTokens;
        uint size = BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, merges.Count * 3L / 2));
        _shift = 64 - BitOperations.Log2(size);
        _entries = new Entry[size];
        Array.Fill(_entries, new Entry { Pair = Free });

        byte[] joined = [];
        for (int rank = 0; rank < merges.Count; rank++)
        {
            ReadOnlySpan<byte> merge = merges[rank];
            int space = merge.IsEmpty ? -1 : merge[1..].IndexOf((byte)' ') + 1;
            if (space <= 0 || space == merge.Length - 1) continue; // not a pair: never applies
            if (joined.Length < merge.Length) joined = new byte[merge.Length * 2];
            merge[..space].CopyTo(joined);
            merge[(space + 1)..].CopyTo(joined.AsSpan(space));
            Add(GetId(merge[..space]), GetId(merge[(space + 1)..]), (uint)rank, GetId(joined.AsSpan(0, merge.Length - 1)));
        }
    }

    /// <summary>The id of a text that merging may start from or make.</summary>
    public int GetId(ReadOnlySpan<byte> text)
    {
        int id = _vocabulary.Find(text);
        if (id >= 0) return id;
        string key = Encoding.Latin1.GetString(text);
        if (_extraIds.TryGetValue(key, out id)) return id;

        id = _vocabulary.Count + _extraTokens.Count;
        _extraIds.Add(key, id);
        var tokens = new List<int>();
        AppendBytes(text, tokens);
        _extraTokens.Add([.. tokens]);
        return id;
    }

    /// <summary>The id of a character, or -1: nothing starts from it.</summary>
    public int FindCharacter(ReadOnlySpan<byte> text)
    {
        int id = _vocabulary.Find(text);
        if (id >= 0 || _extraIds.Count == 0) return id;
        Span<char> key = stackalloc char[4];
        return _extraIds.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(key[..Encoding.Latin1.GetChars(text, key)], out id) ? id : -1;
    }

    /// <summary>Appends the tokens of the bytes that have one.</summary>
    public void AppendBytes(ReadOnlySpan<byte> text, List<int> ids)
    {
        foreach (byte value in text)
            if (_byteTokens[value] >= 0) ids.Add(_byteTokens[value]);
    }

    /// <summary>Appends what an id stands for: itself, or for text that is no token those of its bytes.</summary>
    public void AppendTokens(int id, List<int> ids)
    {
        if (id < _vocabulary.Count) ids.Add(id);
        else ids.AddRange(_extraTokens[id - _vocabulary.Count]);
    }

    public bool TryGet(int left, int right, out uint rank, out int mergedId)
    {
        ulong pair = ((ulong)(uint)left << 32) | (uint)right;
        int at = Slot(pair);
        while (_entries[at].Pair != pair)
        {
            if (_entries[at].Pair == Free)
            {
                (rank, mergedId) = (0, -1);
                return false;
            }
            at = (at + 1) & (_entries.Length - 1);
        }
        (rank, mergedId) = (_entries[at].Rank, _entries[at].MergedId);
        return true;
    }

    private void Add(int left, int right, uint rank, int mergedId)
    {
        if (TryGet(left, right, out _, out _)) return; // the first of equal merges counts
        ulong pair = ((ulong)(uint)left << 32) | (uint)right;
        int at = Slot(pair);
        while (_entries[at].Pair != Free) at = (at + 1) & (_entries.Length - 1);
        _entries[at] = new Entry { Pair = pair, Rank = rank, MergedId = mergedId };
    }

    private int Slot(ulong pair) => (int)((pair * 0x9E37_79B9_7F4A_7C15) >> _shift);
}
