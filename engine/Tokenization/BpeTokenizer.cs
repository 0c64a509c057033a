using System.Buffers;

namespace Edge.Llm.Tokenization;

/// <summary>BPE by merges (<c>tokenizer.ggml.model</c> gpt2 and gemma4): words from the pre-tokenizer, the earliest listed merge first.</summary>
internal class BpeTokenizer : Tokenizer
{
    private readonly PreTokenizer _preTokenizer;
    private readonly MergeTable _merges;
    private readonly int[] _byteIds = new int[256]; // of the spelling of each byte

    public static TokenizerKind Kind { get; } = new("gpt2", (vocabulary, metadata) => new BpeTokenizer(vocabulary, ReadMerges(vocabulary, metadata)))
    {
        DefaultIds = [("bos_token_id", 11), ("eos_token_id", 11)],
        HasPreTokenizer = true,
    };

    public static TokenizerKind Gemma4 { get; } = new("gemma4", Kind.Create) { HasPreTokenizer = true, OnlyPre = "gemma4" };

    public BpeTokenizer(Vocabulary vocabulary, PackedStrings merges) : base(vocabulary, Pieces(vocabulary))
    {
        _preTokenizer = PreTokenizer.Get(vocabulary.Pre);
        bool bytes = _preTokenizer.Spelling == Spelling.Bytes;
        int[] byteTokens = [.. Enumerable.Range(0, 256).Select(value => bytes ? vocabulary.Find([(byte)value]) : ByteToken.Find(vocabulary, value))];
        _merges = new MergeTable(vocabulary, merges, byteTokens);
        if (!bytes) return;
        Span<byte> spelling = stackalloc byte[2];
        for (int value = 0; value < 256; value++) _byteIds[value] = _merges.GetId(spelling[..ByteLevel.Spell((byte)value, spelling)]);
    }

    private protected static PackedStrings ReadMerges(Vocabulary vocabulary, GgufMetadata metadata)
    {
        const string Key = "tokenizer.ggml.merges";
        return PreTokenizer.Get(vocabulary.Pre).MergesAreOptional && !metadata.Contains(Key)
            ? PackedStrings.Copy([]) : PackedStrings.Read(metadata, Key);
    }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger)
    {
        ReadOnlySpan<byte> text = LooseUtf8.Repair(utf8);
        var lengths = new List<int>(text.Length / 4 + 1);
        if (_preTokenizer.Spelling != Spelling.MarkedSpaces)
        {
            EncodeSpelled(text, lengths, ids, merger);
            return;
        }
        byte[] marked = ArrayPool<byte>.Shared.Rent(SpaceMark.MaxLength(text));
        EncodeSpelled(marked.AsSpan(0, SpaceMark.Write(text, prefix: false, marked)), lengths, ids, merger);
        ArrayPool<byte>.Shared.Return(marked);
    }

    /// <summary>Appends the ids of text that is spelled as the vocabulary spells spaces.</summary>
    private protected virtual void EncodeSpelled(ReadOnlySpan<byte> text, List<int> lengths, List<int> ids, SymbolMerger merger) =>
        EncodeWords(text, lengths, ids, merger);

    private protected void EncodeWords(ReadOnlySpan<byte> text, List<int> lengths, List<int> ids, SymbolMerger merger)
    {
        lengths.Clear();
        _preTokenizer.Split(text, lengths);
        foreach (int length in lengths)
        {
            EncodeWord(text[..length], ids, merger);
            text = text[length..];
        }
    }

    private void EncodeWord(ReadOnlySpan<byte> word, List<int> ids, SymbolMerger merger)
    {
        bool whole = _preTokenizer.IgnoreMerges || (_preTokenizer.NewlinesAreWhole && word[0] == '\n');
        if (whole && FindWord(word) is >= 0 and int token)
        {
            ids.Add(token);
            return;
        }
        merger.Clear();
        if (_preTokenizer.Spelling == Spelling.Bytes)
            for (int i = 0; i < word.Length; i++) merger.Add(i, 1, _byteIds[word[i]]);
        else AddCharacters(word, merger);
        merger.Merge(new RankRule(_merges));
        for (int i = 0; i < merger.Count; i = merger[i].Next)
        {
            if (merger[i].Id >= 0) _merges.AppendTokens(merger[i].Id, ids);
            else _merges.AppendBytes(word.Slice(merger[i].Start, merger[i].Length), ids);
        }
    }

    private void AddCharacters(ReadOnlySpan<byte> word, SymbolMerger merger)
    {
        for (int at = 0; at < word.Length;)
        {
            int length = LooseUtf8.LengthByFirstByte(word[at]);
            merger.Add(at, length, _merges.FindCharacter(word.Slice(at, length)));
            at += length;
        }
    }

    private readonly struct RankRule(MergeTable merges) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out uint priority, out int mergedId)
        {
            (priority, mergedId) = (0, -1);
            return left.Id >= 0 && right.Id >= 0 && merges.TryGet(left.Id, right.Id, out priority, out mergedId);
        }
    }

    private int FindWord(ReadOnlySpan<byte> word)
    {
        const int OnStack = 512;
        if (word.Length > Vocabulary.LongestText) return -1;
        if (_preTokenizer.Spelling != Spelling.Bytes) return Vocabulary.Find(word);
        Span<byte> spelling = word.Length * 2 <= OnStack ? stackalloc byte[OnStack] : new byte[word.Length * 2];
        int length = 0;
        foreach (byte value in word) length += ByteLevel.Spell(value, spelling[length..]);
        return Vocabulary.Find(spelling[..length]);
    }

    private static PackedStrings Pieces(Vocabulary vocabulary) => TokenPieces.Of(vocabulary, PreTokenizer.Get(vocabulary.Pre).Spelling switch
    {
        Spelling.Bytes => ByteLevel.AppendRead,
        Spelling.Plain => TokenPieces.AppendPlain,
        _ => SpaceMark.AppendUnmarked,
    });
}
