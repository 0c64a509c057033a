using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Edge.Llm.Tokenization;

/// <summary>Byte-level BPE (<c>tokenizer.ggml.model</c> gpt2): words from the pre-tokenizer, the earliest listed merge first.</summary>
internal sealed class BpeTokenizer : Tokenizer
{
    private readonly PreTokenizer _preTokenizer;
    private readonly MergeTable _merges;
    private readonly int[] _byteIds = new int[256];

    public BpeTokenizer(Vocabulary vocabulary, PackedStrings merges) : base(vocabulary, Pieces(vocabulary))
    {
        _preTokenizer = PreTokenizer.Get(vocabulary.Pre);
        _merges = new MergeTable(vocabulary, merges);
        Span<byte> spelling = stackalloc byte[2];
        for (int value = 0; value < 256; value++) _byteIds[value] = _merges.GetId(spelling[..ByteLevel.Spell((byte)value, spelling)]);
    }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger)
    {
        if (!Utf8.IsValid(utf8)) utf8 = Repair(utf8);
        var lengths = new List<int>(utf8.Length / 4 + 1);
        _preTokenizer.Split(utf8, lengths);
        foreach (int length in lengths)
        {
            EncodeWord(utf8[..length], ids, merger);
            utf8 = utf8[length..];
        }
    }

    private void EncodeWord(ReadOnlySpan<byte> word, List<int> ids, SymbolMerger merger)
    {
        if (_preTokenizer.IgnoreMerges && FindWord(word) is >= 0 and int id)
        {
            ids.Add(id);
            return;
        }
        merger.Clear();
        for (int i = 0; i < word.Length; i++) merger.Add(i, 1, _byteIds[word[i]]);
        merger.Merge(new RankRule(_merges));
        for (int i = 0; i < merger.Count; i = merger[i].Next) _merges.AppendTokens(merger[i].Id, ids);
    }

    private readonly struct RankRule(MergeTable merges) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out uint priority, out int mergedId) =>
            merges.TryGet(left.Id, right.Id, out priority, out mergedId);
    }

    private int FindWord(ReadOnlySpan<byte> word)
    {
        const int OnStack = 512;
        if (word.Length > Vocabulary.LongestText) return -1;
        Span<byte> spelling = word.Length * 2 <= OnStack ? stackalloc byte[OnStack] : new byte[word.Length * 2];
        int length = 0;
        foreach (byte value in word) length += ByteLevel.Spell(value, spelling[length..]);
        return Vocabulary.Find(spelling[..length]);
    }

    /// <summary>Each byte that begins no character becomes U+FFFD.</summary>
    private static byte[] Repair(ReadOnlySpan<byte> text)
    {
        var repaired = new ArrayBufferWriter<byte>(text.Length + 16);
        while (!text.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(text, out _, out int length) == OperationStatus.Done;
            if (!valid) length = 1;
            repaired.Write(valid ? text[..length] : "\uFFFD"u8);
            text = text[length..];
        }
        return repaired.WrittenSpan.ToArray();
    }

    private static PackedStrings Pieces(Vocabulary vocabulary)
    {
        var pieces = new PackedStrings.Builder(vocabulary.Count);
        byte[] bytes = new byte[vocabulary.LongestText];
        for (int id = 0; id < vocabulary.Count; id++)
        {
            ReadOnlySpan<byte> text = vocabulary.GetText(id);
            switch (vocabulary.GetType(id))
            {
                case TokenType.Normal when ByteLevel.TryRead(text, bytes, out int count): pieces.Append(bytes.AsSpan(0, count)); break;
                case TokenType.Byte when text.Length == 6 && byte.TryParse(text[3..5], NumberStyles.AllowHexSpecifier, null, out byte value):
                    pieces.Append([value]);
                    break;
                case TokenType.Undefined or TokenType.Unused: break;
                default: pieces.Append(text); break;
            }
            pieces.End();
        }
        return pieces.Build();
    }
}
