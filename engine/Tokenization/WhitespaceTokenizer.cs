using System.Buffers;

namespace Edge.Llm.Tokenization;

/// <summary>BPE over words that white space separates (<c>tokenizer.ggml.model</c> whitespace). The white space is lost, and the case of
/// letters unless the file keeps it.</summary>
internal sealed class WhitespaceTokenizer(Vocabulary vocabulary, PackedStrings merges, bool lowercase) : BpeTokenizer(vocabulary, merges)
{
    public static new TokenizerKind Kind { get; } = BpeTokenizer.Kind with
    {
        Name = "whitespace",
        Create = (vocabulary, metadata) => new WhitespaceTokenizer(vocabulary, ReadMerges(vocabulary, metadata),
            metadata.GetBool("tokenizer.ggml.normalizer.lowercase", vocabulary.Pre != "whitespace")),
    };

    private protected override void EncodeSpelled(ReadOnlySpan<byte> text, List<int> lengths, List<int> ids, SymbolMerger merger)
    {
        const int MostGrowth = 2; // of a letter that becomes lower-case: two bytes become three at most
        byte[] word = ArrayPool<byte>.Shared.Rent(text.Length * MostGrowth);
        int length = 0;
        for (int at = 0; at < text.Length;)
        {
            int codePoint = LooseUtf8.CodePointAt(text, at, out int read);
            at += read;
            bool space = (CharClasses.Of(codePoint) & CharClass.Space) != 0;
            if (!space) length += LooseUtf8.Write(lowercase ? CharClasses.ToLower(codePoint) : codePoint, word.AsSpan(length));
            if (length == 0 || (!space && at < text.Length)) continue;
            EncodeWords(word.AsSpan(0, length), lengths, ids, merger);
            length = 0;
        }
        ArrayPool<byte>.Shared.Return(word);
    }
}
