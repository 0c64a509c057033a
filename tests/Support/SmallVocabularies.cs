using System.Text;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Tests.Support;

/// <summary>Hand-made vocabularies, so that the tests stand without the shared folder.</summary>
internal static class SmallVocabularies
{
    /// <summary>All bytes in GPT-2's spelling, then the products of the merges, then special tokens.</summary>
    internal static Tokenizer Bpe(string pre = "gpt-2", string[]? merges = null, (string Text, TokenType Type)[]? special = null, string modelName = "")
    {
        merges ??= ["h e", "l l", "he ll", "hell o", "Ġ w", "o r", "a a", "aa aa", "Ã ©"];
        special ??= [("<|end|>", TokenType.Control), ("<user>", TokenType.UserDefined)];
        var texts = new List<string>();
        Span<byte> spelling = stackalloc byte[2];
        for (int value = 0; value < 256; value++) texts.Add(Encoding.UTF8.GetString(spelling[..ByteLevel.Spell((byte)value, spelling)]));
        texts.AddRange(merges.Select(merge => merge.Replace(" ", "", StringComparison.Ordinal)));
        int normal = texts.Count;
        texts.AddRange(special.Select(token => token.Text));
        var types = new TokenType[texts.Count];
        Array.Fill(types, TokenType.Normal, 0, normal);
        for (int i = 0; i < special.Length; i++) types[normal + i] = special[i].Type;
        var vocabulary = new Vocabulary(new VocabularyData
        {
            Model = "gpt2", Pre = pre, ModelName = modelName, Texts = Pack(texts), Types = types, Ids = new() { ["bos_token_id"] = normal, ["eos_token_id"] = normal },
        });
        return new BpeTokenizer(vocabulary, Pack(merges));
    }

    /// <summary>Unknown, BOS, EOS, all bytes, then texts with scores.</summary>
    internal static Tokenizer Spm(params (string Text, float Score)[] normal)
    {
        List<string> texts = ["<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"), .. normal.Select(token => token.Text)];
        TokenType[] types = [TokenType.Unknown, TokenType.Control, TokenType.Control, .. Enumerable.Repeat(TokenType.Byte, 256),
            .. Enumerable.Repeat(TokenType.Normal, normal.Length)];
        float[] scores = [.. Enumerable.Repeat(0f, 259), .. normal.Select(token => token.Score)];
        return new SpmTokenizer(new Vocabulary(new VocabularyData { Model = "llama", Texts = Pack(texts), Types = types, Scores = scores }));
    }

    /// <summary>Kinds whose tokens include all bytes, so that any text comes back: Gemma 4, RWKV and PLaMo 2.</summary>
    internal static IEnumerable<Tokenizer> OfBytes()
    {
        string[] bytes = MadeVocabulary.ByteTexts, words = ["▁", "h", "e", "l", "o", "he", "▁he", "中", "\n\n", "hello"];
        int[] types = [.. Enumerable.Repeat((int)TokenType.Byte, 256), .. Enumerable.Repeat((int)TokenType.Normal, words.Length)];
        using var gemma = MadeVocabulary.Of("gemma4", [.. bytes, .. words],
            ("token_type", types), ("merges", new[] { "h e", "▁ he" }), ("bos_token_id", 0u));
        using var plamo = MadeVocabulary.Of("plamo2", [.. bytes, .. words], ("token_type", types));
        IEnumerable<string> escaped = Enumerable.Range(0, 256).Select(value => $"\\x{value:x2}");
        using var rwkv = MadeVocabulary.Of("rwkv", [.. escaped, " he", "llo", "\\n\\n", "中", "\\xe4\\xb8"]);
        return [gemma.Tokenizer, plamo.Tokenizer, rwkv.Tokenizer];
    }

    internal static int Id(this Tokenizer tokenizer, string text) => tokenizer.Vocabulary.Find(Encoding.UTF8.GetBytes(text));

    internal static string[] Texts(this Tokenizer tokenizer, IEnumerable<int> ids) =>
        [.. ids.Select(id => Encoding.UTF8.GetString(tokenizer.Vocabulary.GetText(id)))];

    private static PackedStrings Pack(IEnumerable<string> texts) => PackedStrings.Copy([.. texts.Select(Encoding.UTF8.GetBytes)]);
}
