using System.Text;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Tests.Support;

/// <summary>A vocabulary file made for a test: of a kind or a pre-tokenizer that the shared folder has none of.</summary>
internal sealed class MadeVocabulary : IDisposable
{
    private MadeVocabulary(IEnumerable<(string Key, object Value)> entries)
    {
        var writer = new GgufWriter();
        foreach ((string key, object value) in entries) Add(writer, key, value);
        using (FileStream stream = File.Create(Path)) writer.WriteTo(stream, (_, _) => { });
        using GgufFile file = GgufFile.Open(Path);
        Tokenizer = Tokenizer.FromGguf(file.Metadata);
    }

    public string Path { get; } = System.IO.Path.GetTempFileName();

    public Tokenizer Tokenizer { get; }

    public void Dispose() => File.Delete(Path);

    /// <summary>A copy of a file with some keys of its tokenizer changed.</summary>
    public static MadeVocabulary Changed(string path, params (string Name, object Value)[] changes)
    {
        using GgufFile file = GgufFile.Open(path);
        (string Key, object Value)[] changed = [.. changes.Select(change => ("tokenizer.ggml." + change.Name, change.Value))];
        return new MadeVocabulary(file.Metadata.Where(entry => !changed.Any(change => change.Key == entry.Key))
            .Select(entry => (entry.Key, (object)entry.Value)).Concat(changed));
    }

    /// <summary>A file with these keys of its tokenizer only.</summary>
    public static MadeVocabulary Of(string model, string[] tokens, params (string Name, object Value)[] keys) =>
        new([("tokenizer.ggml.model", model), ("tokenizer.ggml.tokens", tokens), .. keys.Select(key => ("tokenizer.ggml." + key.Name, key.Value))]);

    /// <summary>The tokens of all bytes as they are written.</summary>
    public static string[] ByteTexts { get; } = [.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")];

    /// <summary>All bytes in GPT-2's alphabet and tokens of two bytes: two words that are cut in different places seldom have the same ids.
    /// Some whole words show whether a token goes before merges.</summary>
    public static MadeVocabulary OfBytePairs(string model, string pre)
    {
        const int Count = 10_000;
        string[] words = ["Hello", " world", "don't", "日本語", "CamelCase", "...", "     ", "\n\n\n", "한국어", "123", "/* */", "HTTPServer", " The"];
        string[] bytes = [.. Enumerable.Range(0, 256).Select(value => Spelled([(byte)value]))];
        (string Left, string Right)[] pairs = Pairs(bytes, Count);
        IEnumerable<string> whole = words.Select(word => Spelled(Encoding.UTF8.GetBytes(word)));
        return Merging(model, pre, [.. bytes, .. pairs.Select(pair => pair.Left + pair.Right), .. whole], pairs);
    }

    /// <summary>Most characters of the random texts as they are, tokens of two, and bytes: what other characters fall back to.</summary>
    public static MadeVocabulary OfCharacterPairs(string model, string pre)
    {
        const int Count = 20_000;
        string[] known = [.. Characters().Where(text => text != " ").Where((_, i) => i % 5 > 0).Union(["▁", "\n"])];
        (string Left, string Right)[] pairs = Pairs(known, Count);
        return Merging(model, pre, [.. known, .. pairs.Where((_, i) => i % 20 > 0).Select(pair => pair.Left + pair.Right), "\n\n\n", "\n\n\n\n\n"], pairs);
    }

    /// <summary>The bytes, and pieces of the random texts with the escapes of that kind.</summary>
    public static MadeVocabulary Rwkv()
    {
        IEnumerable<string> bytes = Enumerable.Range(0, 256).Select(value => Escaped([(byte)value]));
        IEnumerable<string> pieces = Pieces(2_000).Select(piece => Encoding.UTF8.GetBytes(piece))
            .Select((piece, i) => Escaped(i % 3 > 0 || piece.Length < 3 ? piece : piece[1..])); // some begin inside a character
        string[] texts = [.. bytes.Concat(pieces).Where(text => text.Length > 0).Distinct().Except(["<s>", "<user>"])];
        return new MadeVocabulary([.. Llama(), .. Vocabulary("rwkv", "default",
            [.. Typed(TokenType.Control, "<s>"), .. Typed(TokenType.Normal, texts), .. Typed(TokenType.UserDefined, "<user>")])]);
    }

    /// <summary>The bytes, and characters and pieces of the random texts with scores, some of them equal.</summary>
    public static MadeVocabulary Plamo2()
    {
        var random = new Random(6);
        (string, TokenType)[] special =
            [("<unk>", TokenType.Unknown), ("<bos>", TokenType.Control), ("<eos>", TokenType.Control), ("<pad>", TokenType.Control)];
        string[] texts = [.. Characters().Where((_, i) => i % 5 > 0).Union(Pieces(3_000)).Except(["", "<unk>", .. ByteTexts])];
        (string, TokenType)[] tokens = [.. special, .. Bytes(), .. Typed(TokenType.Normal, texts)];
        float[] scores = [.. tokens.Select(_ => random.Next(3) == 0 ? -random.Next(1, 9) : -12 * random.NextSingle())];
        return new MadeVocabulary([.. Llama(), .. Vocabulary("plamo2", "default", tokens), ("tokenizer.ggml.scores", scores)]);
    }

    private static MadeVocabulary Merging(string model, string pre, string[] normal, (string Left, string Right)[] merges)
    {
        (string, TokenType)[] bytes = PreTokenizer.Get(pre).Spelling == Spelling.Bytes ? [] : Bytes();
        (string, TokenType)[] tokens = [("<unk>", TokenType.Unknown), ("<s>", TokenType.Control), ("</s>", TokenType.Control),
            .. bytes, .. Typed(TokenType.Normal, [.. normal.Distinct()])];
        return new MadeVocabulary([.. Llama(), .. Vocabulary(model, pre, tokens),
            ("tokenizer.ggml.bos_token_id", 1u), ("tokenizer.ggml.eos_token_id", 2u),
            ("tokenizer.ggml.merges", merges.Select(pair => pair.Left + " " + pair.Right).ToArray())]);
    }

    private static IEnumerable<(string, object)> Vocabulary(string model, string pre, (string Text, TokenType Type)[] tokens) =>
    [
        ("tokenizer.ggml.model", model), ("tokenizer.ggml.pre", pre), ("tokenizer.ggml.tokens", tokens.Select(token => token.Text).ToArray()),
        ("tokenizer.ggml.token_type", tokens.Select(token => (int)token.Type).ToArray()),
    ];

    /// <summary>What llama.cpp asks of any model.</summary>
    private static IEnumerable<(string, object)> Llama() =>
    [
        ("general.architecture", "llama"), ("llama.block_count", 1u), ("llama.context_length", 64u), ("llama.embedding_length", 64u),
        ("llama.feed_forward_length", 64u), ("llama.attention.head_count", 1u), ("llama.attention.layer_norm_rms_epsilon", 1e-5f),
    ];

    private static (string, TokenType)[] Typed(TokenType type, params string[] texts) => [.. texts.Select(text => (text, type))];

    private static (string, TokenType)[] Bytes() => Typed(TokenType.Byte, ByteTexts);

    private static (string Left, string Right)[] Pairs(string[] texts, int count)
    {
        var random = new Random(4);
        return [.. Enumerable.Range(0, count).Select(_ => (texts[random.Next(texts.Length)], texts[random.Next(texts.Length)])).Distinct()];
    }

    private static string[] Characters() =>
        [.. RandomTexts.Parts.SelectMany(part => part.EnumerateRunes()).Select(rune => rune.ToString()).Distinct().Except(["\uFFFD", "\0"])];

    private static IEnumerable<string> Pieces(int count)
    {
        var random = new Random(5);
        for (int i = 0; i < count; i++)
        {
            Rune[] runes = [.. (RandomTexts.Parts[random.Next(RandomTexts.Parts.Length)] + RandomTexts.Parts[random.Next(RandomTexts.Parts.Length)])
                .EnumerateRunes().Where(rune => rune.Value is not (0xFFFD or 0))];
            int start = random.Next(runes.Length + 1);
            yield return string.Concat(runes.Skip(start).Take(random.Next(1, 7)));
        }
    }

    private static string Spelled(byte[] bytes)
    {
        var text = new List<byte>();
        Span<byte> spelling = stackalloc byte[2];
        foreach (byte value in bytes) text.AddRange(spelling[..ByteLevel.Spell(value, spelling)]);
        return Encoding.UTF8.GetString([.. text]);
    }

    private static string Escaped(byte[] bytes)
    {
        string text = Encoding.UTF8.GetString(bytes);
        if (text.Contains('\uFFFD') || text.Any(char.IsControl)) return string.Concat(bytes.Select(value => $"\\x{value:x2}"));
        return text.Replace("\\", "\\\\", StringComparison.Ordinal);
    }

    private static void Add(GgufWriter writer, string key, object value)
    {
        switch (value)
        {
            case GgufValue copied: writer.AddMetadata(key, copied); break;
            case string text: writer.AddMetadata(key, text); break;
            case string[] texts: writer.AddMetadata(key, texts); break;
            case int[] numbers: writer.AddMetadata(key, numbers); break;
            case float[] numbers: writer.AddMetadata(key, numbers); break;
            case byte[] bytes: writer.AddMetadata(key, bytes); break;
            case uint number: writer.AddMetadata(key, number); break;
            case float number: writer.AddMetadata(key, number); break;
            case bool flag: writer.AddMetadata(key, flag); break;
            default: throw new ArgumentException($"{key}: {value.GetType()}");
        }
    }
}
