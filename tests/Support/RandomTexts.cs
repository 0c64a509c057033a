using System.Globalization;
using System.Text;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Tests.Support;

/// <summary>A text as bytes, where lone surrogates are possible, and as a JSON string.</summary>
internal sealed record RandomText(byte[] Utf8, string Json);

/// <summary>Random texts for tokenizers.</summary>
internal static class RandomTexts
{
    /// <summary>What texts are put together from: classes of the pre-tokenizers' rules, edges of Unicode, special tokens.</summary>
    public static readonly string[] Parts =
    [
        "the", " The", "Hello", " world", "don't", "I'M", "we'LL", "'s", "'", "''re", " 'd", "\u2019s", "a", "b", "s", "S", "t", "re", "LL", "A", "Z", "x",
        "AB", "!a", "-x", "CamelCase", "HTTPServer", "ÜBER", "naïve", "e\u0301", "\u0301", "ÀB", "Aé", "éA", "àB", "ä", "ß", "\u1E9E", "ﬁ", "ǅ", "İ", "ſ", "Σ",
        "ς", "\u1F7D", "\u1FD3", "\u1FDB", "\u1FBE", "\u2126", "\u212A", "Ꮳ", "ⳬ", "𐐀", "日本語", "中文，标点。", "中", "々", "ー", "ァ", "ｶﾞ", "⺀", "⼀", "豈",
        "\U00020000", "\U0002B820", "ㄱ", "ㄅㄆ", "한국어", "각", "\u1100\u1161\u11A8", "กำลัง", "\u0E40\u0E48", "ຂ້ອຍ", "ភាសា", "မြန်", "ჽ", "עברית", "العربية",
        "हिन्दी", "।", "۔", "،", "😀", "👩\u200D👩\u200D👧", "🇩🇪", "🫠", " ", "  ", "   ", "     ", "        ", "\t", "\t\t", "\n", "\n\n", "\n\n\n", "\r", "\r\n",
        " \n", "\n ", "\u00A0", "\u3000", "\u2003", "\u0085", "\u2028", "\u1680", "\u200B", "\uFEFF", "0", "1", "7", "12", "23", "345", "6789", "12345",
        "123456", "1234567", "1234567890", "٣٤", "１２３", "Ⅳ", "½", "²", "①", "⑩", "3.14", ".", "...", "…", ",", "!", "?!", "$", "+=", "<=>", "^~|`", "(", ")",
        "[]", "{};", "#", "//", "/* */", "/\r\n/", "_", "__init__", "=", "==", "\"", "“", "”", "—", "：；", "、", "\uFE30", "\\n", "€", "→", "∑", "\0", "\u0001",
        "\u007F", "\u0378", "\uE000", "\uF8FF", "\uD7FF", "\u0600", "\uD800", "\uDFFF", "<sentinel:12>", "<sentinel:", "IMGIMGABZ", "IMGIMGABCDEZ",
        "<s>", "</s>", "<unk>", "<|endoftext|>", "<|end|>", "<|user|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|begin_of_text|>",
        "<|reserved_special_token_0|>", "<fim_prefix>", ">>TITLE<<", "<｜begin▁of▁sentence｜>", "[PAD151646]", "[CLS]", "[SEP]", "[MASK]", "<ab c>", "<ab",
        "<0x41>", "▁", "Ġ", "<|", "|>", "<",
    ];

    private const string Short = " \t\n\r a1.'/sA\u00A0é中";

    /// <summary>Most of parts; some of any code points, surrogates among them; some dense in white space, digits and marks.</summary>
    public static RandomText[] Make(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Make(random))];
    }

    private static RandomText Make(Random random)
    {
        int kind = random.Next(10), length = random.Next(1, 15);
        var text = new StringBuilder();
        for (int i = 0; i < length; i++)
        {
            if (kind == 0) text.Append(Short[random.Next(Short.Length)]).Append(Short[random.Next(Short.Length)]);
            else if (kind < 7 || (kind < 9 && random.Next(2) == 0)) text.Append(Parts[random.Next(Parts.Length)]);
            else AppendAny(text, random);
        }
        return Of(text.ToString());
    }

    /// <summary>Small code points as often as large ones.</summary>
    private static void AppendAny(StringBuilder text, Random random)
    {
        int codePoint = random.Next(1, 1 << random.Next(7, 22)) % 0x110000;
        if (codePoint > char.MaxValue) text.Append(char.ConvertFromUtf32(codePoint));
        else text.Append((char)codePoint);
    }

    public static RandomText Of(string text)
    {
        var bytes = new List<byte>();
        var json = new StringBuilder("\"");
        Span<byte> utf8 = stackalloc byte[4];
        for (int i = 0; i < text.Length; i++)
        {
            json.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            int codePoint = text[i];
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                codePoint = char.ConvertToUtf32(text[i], text[++i]);
                json.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            }
            bytes.AddRange(utf8[..LooseUtf8.Write(codePoint, utf8)]);
        }
        return new RandomText([.. bytes], json.Append('"').ToString());
    }
}
