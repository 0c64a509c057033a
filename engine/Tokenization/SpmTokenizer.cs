using System.Buffers;

namespace Edge.Llm.Tokenization;

/// <summary>SentencePiece BPE (<c>tokenizer.ggml.model</c> llama): spaces are written ▁, and the pair whose token scores highest merges first.</summary>
internal sealed class SpmTokenizer : Tokenizer
{
    public static TokenizerKind Kind { get; } = new("llama", (vocabulary, _) => new SpmTokenizer(vocabulary))
    {
        DefaultIds = [("bos_token_id", 1), ("eos_token_id", 2), ("unknown_token_id", 0)],
        AddBos = true,
        AddSpacePrefix = true,
    };

    private readonly int[][] _byteTokens = new int[256][];
    private readonly bool _wordsAreSeparate;

    public SpmTokenizer(Vocabulary vocabulary) : base(vocabulary, TokenPieces.Of(vocabulary, SpaceMark.AppendUnmarked))
    {
        for (int value = 0; value < 256; value++)
        {
            int id = ByteToken.Find(vocabulary, value);
            if (id < 0) id = vocabulary.Find([(byte)value]);
            if (id < 0) id = vocabulary.UnkId;
            _byteTokens[value] = id < 0 ? [] : [id];
        }
        _wordsAreSeparate = !AnyTokenSpansWords(vocabulary);
    }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger)
    {
        bool prefix = Vocabulary.AddSpacePrefix && afterSpecial;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(SpaceMark.MaxLength(utf8));
        ReadOnlySpan<byte> text = buffer.AsSpan(0, SpaceMark.Write(utf8, prefix, buffer));
        for (int at = 0; at < text.Length;)
        {
            int end = _wordsAreSeparate ? EndOfWord(text, at) : text.Length;
            EncodeWord(text[at..end], buffer, at, ids, merger);
            at = end;
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private void EncodeWord(ReadOnlySpan<byte> word, byte[] buffer, int offset, List<int> ids, SymbolMerger merger)
    {
        merger.Clear();
        for (int at = 0; at < word.Length;)
        {
            int length = Math.Min(LooseUtf8.LengthByFirstByte(word[at]), word.Length - at);
            merger.Add(offset + at, length, -1);
            at += length;
        }
        merger.Merge(new ScoreRule(Vocabulary, buffer));
        for (int i = 0; i < merger.Count; i = merger[i].Next)
        {
            // Only a single character can be without a token: merging makes nothing but tokens.
            ReadOnlySpan<byte> text = buffer.AsSpan(merger[i].Start, merger[i].Length);
            int id = merger[i].Id >= 0 ? merger[i].Id : Vocabulary.Find(text);
            if (id >= 0) ids.Add(id);
            else
                foreach (byte value in text) ids.AddRange(_byteTokens[value]);
        }
    }

    /// <summary>The token of two neighbours' joint text, if there is one; by score, highest first.</summary>
    private readonly struct ScoreRule(Vocabulary vocabulary, byte[] text) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out uint priority, out int mergedId)
        {
            int length = left.Length + right.Length;
            mergedId = length > vocabulary.LongestText ? -1 : vocabulary.Find(text.AsSpan(left.Start, length));
            priority = mergedId < 0 ? 0 : Descending(vocabulary.GetScore(mergedId));
            return mergedId >= 0;
        }

        /// <summary>Maps floats to integers in descending order (-0 equals +0).</summary>
        private static uint Descending(float score)
        {
            uint bits = BitConverter.SingleToUInt32Bits(score + 0f);
            return (int)bits < 0 ? bits : ~bits & 0x7FFF_FFFF;
        }
    }

    /// <summary>Whether a token has a ▁ after another character. If none has, no merge crosses such a place, and each word is merged alone.</summary>
    private static bool AnyTokenSpansWords(Vocabulary vocabulary)
    {
        for (int id = 0; id < vocabulary.Count; id++)
        {
            ReadOnlySpan<byte> text = vocabulary.GetText(id);
            if (EndOfWord(text, 0) < text.Length) return true;
        }
        return false;
    }

    /// <summary>The next place where a ▁ follows another character.</summary>
    private static int EndOfWord(ReadOnlySpan<byte> text, int at)
    {
        while (text[at..].StartsWith(SpaceMark.Text)) at += SpaceMark.Text.Length;
        int skip = text[at..].IndexOf(SpaceMark.Text);
        return skip < 0 ? text.Length : at + skip;
    }
}
