using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Tokenization;

/// <summary>Vocabularies that nobody made in good faith are refused, or do no harm.</summary>
[TestClass]
public class HostileVocabularyTests
{
    private static readonly string[] s_tokens = ["<pad>", "</s>", "<unk>", "▁", "a", "b", "ab"];

    private static MadeVocabulary Unigram(byte[] map) =>
        MadeVocabulary.Of("t5", s_tokens, ("token_type", new[] { 3, 3, 2, 1, 1, 1, 1 }), ("precompiled_charsmap", map));

    private static void IsRefused(ErrorCode code, string named, Action action)
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(action);
        Assert.AreEqual(code, error.Code);
        StringAssert.Contains(error.Message, named);
    }

    [TestMethod]
    [DataRow("bert", "bos_token_id")]
    [DataRow("t5", "unknown_token_id")]
    [DataRow("rwkv", "0x00")]
    [DataRow("plamo2", "<0x00>")]
    [DataRow("gemma4", "bos_token_id")]
    public void WhatAKindNeedsIsNamed(string model, string named) =>
        IsRefused(ErrorCode.InvalidFile, named, () => MadeVocabulary.Of(model, ["a", "b"], ("merges", new[] { "a b" })).Dispose());

    [TestMethod]
    [DataRow("bert")]
    [DataRow("t5")]
    [DataRow("rwkv")]
    public void AVeryLongTokenIsRefused(string model) => IsRefused(ErrorCode.Unsupported, "1024", () => MadeVocabulary.Of(
        model, ["a", "b", new string('a', 1025)], ("bos_token_id", 0u), ("seperator_token_id", 0u), ("unknown_token_id", 0u)).Dispose());

    [TestMethod]
    public void EqualAndOddTextsDoNoHarm()
    {
        string[] tokens = ["a", "a", "", "\uFFFD", "▁", "▁▁", "\\", "\\x", "\\xZZ", "\\x4"];
        (string, object)[] keys =
        [
            ("scores", tokens.Select((_, i) => i % 2 == 0 ? float.NaN : float.PositiveInfinity).ToArray()),
            ("token_type", new[] { 1, 4, 3, 2, 5, 6, 77, -1, 1, 1 }), ("merges", new[] { "", " ", "a ", "a a", "a a a" }),
            ("bos_token_id", 0u), ("eos_token_id", 1u), ("seperator_token_id", 2u), ("unknown_token_id", 3u),
        ];
        foreach (string model in new[] { "gpt2", "gemma4", "whitespace", "bert", "t5", "rwkv", "llama" })
        {
            using var made = MadeVocabulary.Of(model, tokens, keys);
            foreach (string text in new[] { "", "a", "aa a", "▁▁ \\x\\", "[EMPTY_2]", "é\0" })
                Assert.IsNotNull(made.Tokenizer.Decode(made.Tokenizer.Encode(text), special: true));
        }
    }

    public static IEnumerable<object[]> Maps =>
    [
        [new byte[] { 1 }, "4 bytes"],
        [new byte[] { 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8 }, "size of 8"],
        [new byte[] { 3, 0, 0, 0, 1, 2, 3, 4, 5 }, "size of 3"],
        [new byte[] { 255, 255, 255, 255, 1, 2, 3, 4, 5 }, "size of 4294967295"],
        [CharacterMaps.Raw([0x1000 << 10], [0]), "unit 4"],
        [CharacterMaps.Raw(Chain(value: 50), [0]), "text at 50"],
        [CharacterMaps.Raw(Chain(value: 0), [65, 66]), "does not end"],
        [CharacterMaps.Make(("a", new string('b', 100_000))), "32 times"],
    ];

    /// <summary>A trie of one text, a.</summary>
    private static uint[] Chain(uint value)
    {
        var units = new uint[512];
        units[0] = 0x100u << 10;
        units[0x100 ^ 'a'] = 'a' | 0x100u | ((0x100u ^ 0x100 ^ 'a') << 10);
        units[0x100] = 0x8000_0000 | value;
        return units;
    }

    [TestMethod]
    [DynamicData(nameof(Maps))]
    public void AMapThatPointsOutsideItselfIsAnError(byte[] map, string named) => IsRefused(ErrorCode.InvalidFile, named, () =>
    {
        using var made = Unigram(map);
        made.Tokenizer.Encode("a");
    });

    [TestMethod]
    public void AMapOfLoopsEnds()
    {
        // Each unit leads back to the root, and a text ends at it.
        uint[] units = [.. Enumerable.Range(0, 256).Select(i => (uint)(i << 10 | i | 0x100))];
        using var made = Unigram(CharacterMaps.Raw(units, [.. Enumerable.Repeat((byte)'b', 300), 0]));
        Assert.IsNotEmpty(made.Tokenizer.Encode(new string('a', 10_000)));
    }

    [TestMethod]
    public void DamagedMapsGiveIdsOrATypedError()
    {
        byte[] good = CharacterMaps.Make(("a", "b"), ("ab", "ba"), ("é", "a"), ("aaa", ""));
        var random = new Random(3);
        int encoded = 0, refused = 0, count = Settings.Full ? 20_000 : 500;
        for (int i = 0; i < count; i++)
        {
            byte[] map = [.. good];
            for (int flips = random.Next(1, 30); flips > 0; flips--) map[4 + random.Next(map.Length - 4)] = (byte)random.Next(256);
            if (random.Next(4) == 0) map = map[..random.Next(map.Length)];
            try
            {
                using var made = Unigram(map);
                made.Tokenizer.Encode("aaab éab");
                encoded++;
            }
            catch (EdgeLlmException e)
            {
                Assert.AreEqual(ErrorCode.InvalidFile, e.Code, e.Message);
                refused++;
            }
        }
        Assert.IsGreaterThan(count / 10, encoded);
        Assert.IsGreaterThan(count / 10, refused);
    }

    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = false)]
    [DataRow("bert")]
    [DataRow("t5")]
    [DataRow("rwkv")]
    [DataRow("plamo2")]
    public void AMillionLettersWithoutASpaceAreCutInTime(string model)
    {
        string[] bytes = model == "rwkv" ? [.. Enumerable.Range(0, 256).Select(value => $"\\x{value:x2}")] : MadeVocabulary.ByteTexts;
        using var made = MadeVocabulary.Of(model, [.. bytes, "▁", "a", "aaaa", new string('a', 100) + "b"],
            ("token_type", (int[])[.. Enumerable.Repeat(model == "rwkv" ? 1 : 6, 256), 1, 1, 1, 1]), ("unknown_token_id", 5u),
            ("scores", (float[])[.. new float[256], -1, -1, -2, -3]));
        int[] ids = made.Tokenizer.Encode(new string('a', 1_000_000), addSpecial: false);
        Assert.AreEqual(250_000, ids.Count(id => id == 258));
    }
}
