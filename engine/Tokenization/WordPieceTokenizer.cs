using System.Buffers;

namespace Edge.Llm.Tokenization;

/// <summary>WordPiece (<c>tokenizer.ggml.model</c> bert): from the left of each word the longest token, and one unknown token for a word that
/// has no such pieces. Files write the beginning of a word as ▁ and a continuation bare.</summary>
internal sealed class WordPieceTokenizer : Tokenizer
{
    private static readonly CodePointRanges s_ideographs =
        new("3400-4DBF 4E00-9FFF F900-FAFF 20000-2A6DF 2A700-2B73F 2B740-2B81F 2B920-2CEAF 2F800-2FA1F");

    private readonly ByteTrie _tokens;
    private readonly bool _lowercase;
    private readonly bool _stripAccents;

    public static TokenizerKind Kind { get; } = new("bert", Create)
    {
        DefaultIds = [("bos_token_id", 101), ("seperator_token_id", 102), ("unknown_token_id", 100), ("padding_token_id", 0), ("mask_token_id", 103)],
        RequiredIds = ["bos_token_id", "seperator_token_id", "unknown_token_id"],
        BetweenClsAndSep = true,
    };

    public WordPieceTokenizer(Vocabulary vocabulary, bool lowercase, bool stripAccents)
        : base(vocabulary, TokenPieces.Of(vocabulary, SpaceMark.AppendUnmarked))
    {
        _tokens = new ByteTrie(vocabulary.Texts, Enumerable.Range(0, vocabulary.Count));
        _lowercase = lowercase;
        _stripAccents = stripAccents;
    }

    private static WordPieceTokenizer Create(Vocabulary vocabulary, GgufMetadata metadata)
    {
        bool lowercase = metadata.GetBool("tokenizer.ggml.normalizer.lowercase", true);
        return new WordPieceTokenizer(vocabulary, lowercase, metadata.GetBool("tokenizer.ggml.normalizer.strip_accents", lowercase));
    }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger)
    {
        const int MostGrowth = 2; // of a letter that becomes lower-case: two bytes become three at most
        ReadOnlySpan<byte> text = LooseUtf8.Repair(utf8);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(SpaceMark.Text.Length + text.Length * MostGrowth);
        SpaceMark.Text.CopyTo(buffer);
        Span<byte> word = buffer.AsSpan(SpaceMark.Text.Length);
        int length = 0;
        for (int at = 0; at < text.Length;)
        {
            int codePoint = LooseUtf8.CodePointAt(text, at, out int read);
            at += read;
            if (_stripAccents) codePoint = CanonicalBase.Of(codePoint);
            CharClass found = CharClasses.Of(codePoint);
            if (IsDropped(codePoint, found)) continue;

            bool space = (found & CharClass.Space) != 0, alone = IsWord(codePoint, found);
            if (space || alone) EncodeWord(buffer, ref length, ids);
            if (!space) length += LooseUtf8.Write(_lowercase ? CharClasses.ToLower(codePoint) : codePoint, word[length..]);
            if (alone) EncodeWord(buffer, ref length, ids);
        }
        EncodeWord(buffer, ref length, ids);
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private bool IsDropped(int codePoint, CharClass found) => found switch
    {
        CharClass.Mark => _stripAccents,
        CharClass.Other => CharClasses.IsControl(codePoint),
        _ => codePoint == 0xFFFD,
    };

    private static bool IsWord(int codePoint, CharClass found) => found switch
    {
        CharClass.Punctuation => true,
        CharClass.Symbol => codePoint < 0x7F,
        _ => s_ideographs.Contains(codePoint),
    };

    /// <summary>Appends the pieces of the word that stands behind the mark, and ends it.</summary>
    private void EncodeWord(byte[] buffer, ref int length, List<int> ids)
    {
        if (length == 0) return;
        ReadOnlySpan<byte> rest = buffer.AsSpan(0, SpaceMark.Text.Length + length);
        length = 0;
        int before = ids.Count;
        while (!rest.IsEmpty)
        {
            int id = _tokens.Longest(rest, out int found);
            if (id < 0)
            {
                ids.RemoveRange(before, ids.Count - before);
                ids.Add(Vocabulary.UnkId);
                return;
            }
            ids.Add(id);
            rest = rest[found..];
        }
    }
}
