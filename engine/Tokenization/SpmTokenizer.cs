using System.Buffers;
using System.Globalization;
using System.Text;

namespace Edge.Llm.Tokenization;

/// <summary>SentencePiece BPE (<c>tokenizer.ggml.model</c> llama): spaces are written ▁, and the pair whose token scores highest merges first.</summary>
internal sealed class SpmTokenizer : Tokenizer
{
    private static ReadOnlySpan<byte> EscapedSpace => "▁"u8;

    private readonly int[][] _byteTokens = new int[256][];
    private readonly bool _wordsAreSeparate;

    public SpmTokenizer(Vocabulary vocabulary) : base(vocabulary, Pieces(vocabulary))
    {
        for (int value = 0; value < 256; value++)
        {
            int id = vocabulary.Find(Encoding.ASCII.GetBytes($"<0x{value:X2}>"));
            if (id < 0) id = vocabulary.Find([(byte)value]);
            if (id < 0) id = vocabulary.UnkId;
            _byteTokens[value] = id < 0 ? [] : [id];
        }
        _wordsAreSeparate = !AnyTokenSpansWords(vocabulary);
    }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger)
    {
        bool prefix = Vocabulary.AddSpacePrefix && afterSpecial;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(utf8.Length + 2 * utf8.Count((byte)' ') + 3);
        ReadOnlySpan<byte> text = buffer.AsSpan(0, Escape(utf8, prefix, buffer));
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
            int length = Math.Min(CharLength(word[at]), word.Length - at);
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
        while (text[at..].StartsWith(EscapedSpace)) at += EscapedSpace.Length;
        int skip = text[at..].IndexOf(EscapedSpace);
        return skip < 0 ? text.Length : at + skip;
    }

    private static int Escape(ReadOnlySpan<byte> utf8, bool prefix, Span<byte> escaped)
    {
        int length = 0;
        if (prefix)
        {
            EscapedSpace.CopyTo(escaped);
            length = EscapedSpace.Length;
        }
        foreach (byte value in utf8)
        {
            if (value == ' ')
            {
                EscapedSpace.CopyTo(escaped[length..]);
                length += EscapedSpace.Length;
            }
            else escaped[length++] = value;
        }
        return length;
    }

    /// <summary>Bytes of a character by its first byte; a stray byte counts as a character.</summary>
    private static int CharLength(byte first) => first switch { >= 0xF0 => 4, >= 0xE0 => 3, >= 0xC0 => 2, _ => 1 };

    private static PackedStrings Pieces(Vocabulary vocabulary)
    {
        var pieces = new PackedStrings.Builder(vocabulary.Count);
        for (int id = 0; id < vocabulary.Count; id++)
        {
            ReadOnlySpan<byte> text = vocabulary.GetText(id);
            switch (vocabulary.GetType(id))
            {
                case TokenType.Normal: AppendUnescaped(pieces, text); break;
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

    private static void AppendUnescaped(PackedStrings.Builder pieces, ReadOnlySpan<byte> text)
    {
        for (int space; (space = text.IndexOf(EscapedSpace)) >= 0; text = text[(space + EscapedSpace.Length)..])
        {
            pieces.Append(text[..space]);
            pieces.Append(" "u8);
        }
        pieces.Append(text);
    }
}
