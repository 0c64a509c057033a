namespace Edge.Llm.Tokenization;

/// <summary>RWKV World (<c>tokenizer.ggml.model</c> rwkv): from the left always the longest token, over bytes.</summary>
internal sealed class RwkvTokenizer : Tokenizer
{
    private readonly ByteTrie _tokens;

    public static TokenizerKind Kind { get; } = new("rwkv", (vocabulary, _) => new RwkvTokenizer(vocabulary, Unescaped(vocabulary)));

    private RwkvTokenizer(Vocabulary vocabulary, PackedStrings texts) : base(vocabulary, texts)
    {
        _tokens = new ByteTrie(texts, Enumerable.Range(0, vocabulary.Count));
        for (int value = 0; value < 256 && vocabulary.UnkId < 0; value++)
            if (_tokens.Longest([(byte)value], out _) < 0) throw new EdgeLlmException(ErrorCode.InvalidFile,
                $"tokenizer.ggml.tokens: expected a token for each byte or an unknown_token_id, found none for 0x{value:X2}");
    }

    private protected override void EncodeText(ReadOnlySpan<byte> utf8, bool afterSpecial, List<int> ids, SymbolMerger merger)
    {
        while (!utf8.IsEmpty)
        {
            int id = _tokens.Longest(utf8, out int length);
            ids.Add(id < 0 ? Vocabulary.UnkId : id);
            utf8 = utf8[Math.Max(length, 1)..];
        }
    }

    private static PackedStrings Unescaped(Vocabulary vocabulary)
    {
        var texts = new PackedStrings.Builder(vocabulary.Count);
        byte[] bytes = new byte[vocabulary.LongestText];
        for (int id = 0; id < vocabulary.Count; id++) texts.Add(bytes.AsSpan(0, Unescape(vocabulary.GetText(id), bytes)));
        return texts.Build();
    }

    /// <summary>Writes a text with <c>\n</c>, <c>\t</c>, <c>\r</c> and <c>\xHH</c> read, and other escaped bytes as themselves; returns its
    /// length.</summary>
    private static int Unescape(ReadOnlySpan<byte> text, Span<byte> bytes)
    {
        int length = 0;
        for (int at = 0; at < text.Length; at++)
        {
            byte value = text[at];
            if (value == '\\' && at + 1 < text.Length)
            {
                value = text[++at];
                if (value == 'x' && at + 2 < text.Length && TryHex(text.Slice(at + 1, 2), out byte hex))
                {
                    value = hex;
                    at += 2;
                }
                else value = value switch { (byte)'n' => (byte)'\n', (byte)'t' => (byte)'\t', (byte)'r' => (byte)'\r', _ => value };
            }
            bytes[length++] = value;
        }
        return length;
    }

    private static bool TryHex(ReadOnlySpan<byte> digits, out byte value) =>
        byte.TryParse(digits, System.Globalization.NumberStyles.AllowHexSpecifier, null, out value);
}
