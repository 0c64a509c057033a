using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Tokenization;

/// <summary>Each kind of tokenizer on a vocabulary that fits on a screen.</summary>
[TestClass]
public class KindTests
{
    private static readonly string[] s_wordPieces =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁hello", "▁he", "llo", "▁w", "or", "ld", "▁!", "▁中", "▁~", "▁é", "▁É", "▁I", "▁i", "▁☃"];

    private static readonly string[] s_unigram = ["<pad>", "</s>", "<unk>", "▁", "▁a", "a", "b", "ab", "▁ab", "<user>", "fi", "▁x", "bb"];
    private static readonly float[] s_scores = [0, 0, 0, -3, -4, -2, -2, -4, -6, 0, -1, -1, -4];
    private static readonly int[] s_unigramTypes = [3, 3, 2, 1, 1, 1, 1, 1, 1, 4, 1, 1, 5];

    private static Tokenizer WordPiece(params (string, object)[] keys)
    {
        int[] types = [.. s_wordPieces.Select((_, id) => id < 5 ? 3 : 1)];
        using var made = MadeVocabulary.Of("bert", s_wordPieces, [("token_type", types), ("pre", "bert-bge"), ("bos_token_id", 2u),
            ("seperator_token_id", 3u), ("unknown_token_id", 1u), ("mask_token_id", 4u), .. keys]);
        return made.Tokenizer;
    }

    private static Tokenizer Unigram(params (string, object)[] keys)
    {
        using var made = MadeVocabulary.Of("t5", s_unigram, [("scores", s_scores), ("token_type", s_unigramTypes), .. keys]);
        return made.Tokenizer;
    }

    private static string Texts(Tokenizer tokenizer, string text, bool addSpecial = false) =>
        string.Join(' ', tokenizer.Texts(tokenizer.Encode(text, addSpecial)));

    [TestMethod]
    [DataRow("Hello  world!", "▁hello ▁w or ld ▁!")]
    [DataRow("héllo HE\u0301LLO", "▁hello ▁hello")]
    [DataRow("hexx !", "[UNK] ▁!")]
    [DataRow("he\u00ADllo\0he", "[UNK]")]
    [DataRow("he\u00ADllo\u3000he", "▁hello ▁he")]
    [DataRow("中中~☃ İ", "▁中 ▁中 ▁~ ▁☃ ▁i")]
    [DataRow("he[MASK]he", "▁he [MASK] ▁he")]
    public void WordPieceTakesTheLongestFromTheLeft(string text, string expected) => Assert.AreEqual(expected, Texts(WordPiece(), text));

    [TestMethod]
    public void CaseAndAccentsStayWhereTheFileSaysSo()
    {
        Assert.AreEqual("▁É ▁é ▁I", Texts(WordPiece(("normalizer.lowercase", false)), "É é I"));
        Assert.AreEqual("▁é ▁é ▁i", Texts(WordPiece(("normalizer.strip_accents", false)), "É é I"));
        Assert.AreEqual("▁I ▁I", Texts(WordPiece(("normalizer.lowercase", false), ("normalizer.strip_accents", true)), "Í I"));
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("add_bos_token")]
    [DataRow("add_eos_token")]
    [DataRow("add_sep_token")]
    public void AWordPieceTextStandsBetweenClsAndSep(string switchedOff)
    {
        Tokenizer tokenizer = switchedOff.Length == 0 ? WordPiece() : WordPiece((switchedOff, false));
        Assert.AreEqual("[CLS] ▁hello [SEP]", Texts(tokenizer, "hello", addSpecial: true));
        CollectionAssert.AreEqual(new[] { 2, 3 }, tokenizer.Encode(""));
        CollectionAssert.AreEqual(new[] { 2, 5 }, tokenizer.EncodePrompt("hello"));
        Vocabulary vocabulary = tokenizer.Vocabulary;
        Assert.AreEqual((2, 3, 4, 0, 3), (vocabulary.BosId, vocabulary.SepId, vocabulary.MaskId, vocabulary.PadId, vocabulary.EndId));
    }

    [TestMethod]
    [DataRow("ab", "ab")]
    [DataRow("aab", "a ab")]
    [DataRow("bbb", "b bb")]
    [DataRow("xyzab", "<unk> ab")]
    [DataRow(" ab  a", "▁ab ▁ ▁a")]
    [DataRow("a<user>b", "a <user> b")]
    public void UnigramTakesTheBestPath(string text, string expected) => Assert.AreEqual(expected, Texts(Unigram(), text));

    [TestMethod]
    public void SpacesOfUnigramFollowTheKeys()
    {
        Assert.AreEqual("▁ab ▁ ▁a ▁", Texts(Unigram(("add_space_prefix", true)), "ab  a "));
        Assert.AreEqual("▁ab ▁a", Texts(Unigram(("remove_extra_whitespaces", true)), "  ab  a "));
        Assert.AreEqual("▁a <user> ▁a", Texts(Unigram(("remove_extra_whitespaces", true)), "a <user>a"));
    }

    [TestMethod]
    public void UnigramReplacesTheLongestThatItsMapHas()
    {
        Tokenizer tokenizer = Unigram(("precompiled_charsmap", CharacterMaps.Make(("ﬁ", "fi"), ("é", "a"), ("éb", "ab"), ("\t", " "), ("\u200B", ""))));
        Assert.AreEqual("fi a a ab ▁ab", Texts(tokenizer, "ﬁéaéb\ta\u200Bb"));
        Assert.AreEqual("<unk> a", Texts(tokenizer, "èa"));
        CollectionAssert.AreEqual(new[] { 2, 5 }, tokenizer.Encode([0xC3, (byte)'a'], addSpecial: false));
    }

    [TestMethod]
    public void AUnigramTextEndsWithEosUnlessTheFileSaysNo()
    {
        Assert.AreEqual("▁a </s>", Texts(Unigram(), " a", addSpecial: true));
        Assert.AreEqual("▁a", Texts(Unigram(("add_eos_token", false)), " a", addSpecial: true));
        CollectionAssert.AreEqual(new[] { 4 }, Unigram().EncodePrompt(" a"));
    }

    [TestMethod]
    public void WordPieceAndUnigramDecodeMarksAsSpaces()
    {
        Tokenizer pieces = WordPiece();
        Assert.AreEqual(" hello world", pieces.Decode(pieces.Encode("hello world")));
        Assert.AreEqual("[CLS] hello[SEP]", pieces.Decode(pieces.Encode("hello"), special: true));
        Tokenizer unigram = Unigram(("add_space_prefix", true));
        Assert.AreEqual("ab a", unigram.Decode(unigram.Encode("ab a")));
        var stream = new StreamingDecoder(unigram);
        Assert.AreEqual("ab a", string.Concat(unigram.Encode("ab a").Select(stream.Append)) + stream.Flush());
    }

    [TestMethod]
    public void RwkvTakesTheLongestOverBytes()
    {
        string[] tokens = ["<s>", .. Enumerable.Range(0, 256).Select(value => $"\\x{value:x2}"), "he", "hello", "\\n\\n", "\\\\t", "\\xe4\\xb8", "\\t "];
        using var made = MadeVocabulary.Of("rwkv", tokens);
        Assert.AreEqual("hello he \\x6c \\n\\n \\\\t \\t  \\xe4\\xb8 \\xad", Texts(made.Tokenizer, "hellohel\n\n\\t\t 中"));
        Assert.AreEqual("hel\n\n\\t\t 中", made.Tokenizer.Decode(made.Tokenizer.Encode("hel\n\n\\t\t 中")));
    }

    [TestMethod]
    public void Plamo2TakesWhatCostsLeastAndOfEqualsTheLongest()
    {
        string[] tokens = [.. MadeVocabulary.ByteTexts, "a", "b", "ab", "ba", "bab"];
        int[] types = [.. Enumerable.Repeat(6, 256), 1, 1, 1, 1, 1];
        float[] scores = [.. new float[256], -1, -1, -2, -1.5f, -4];
        using var made = MadeVocabulary.Of("plamo2", tokens, ("token_type", types), ("scores", scores));
        Assert.AreEqual("a ba b", Texts(made.Tokenizer, "abab"));
        Assert.AreEqual("ab", Texts(made.Tokenizer, "\uFEFFab"));
        Assert.AreEqual("a <0xC3> <0xA9> <0xEF> <0xBB> <0xBF>", Texts(made.Tokenizer, "aé\uFEFF"));
    }

    [TestMethod]
    public void Gemma4BeginsWithBosWhateverTheFileSays()
    {
        string[] tokens = ["<bos>", "a", "b", "▁", "▁a", "\n", "\n\n", "<0xC3>", "<0xA9>"];
        using var made = MadeVocabulary.Of("gemma4", tokens, ("token_type", new[] { 3, 1, 1, 1, 1, 1, 1, 6, 6 }), ("merges", new[] { "▁ a" }),
            ("bos_token_id", 0u), ("add_bos_token", false), ("pre", "any"));
        CollectionAssert.AreEqual(new[] { 0, 3, 4, 2, 6, 7, 8 }, made.Tokenizer.Encode("  ab\n\nédc"));
        Assert.AreEqual("  ab\n\né", made.Tokenizer.Decode(made.Tokenizer.Encode("  ab\n\né")));
    }

    [TestMethod]
    public void WhitespaceWordsAreLowerCaseUnlessTheFileSaysNo()
    {
        string[] tokens = ["a", "b", "ab", "A"];
        using var lower = MadeVocabulary.Of("whitespace", tokens, ("merges", new[] { "a b" }));
        using var kept = MadeVocabulary.Of("whitespace", tokens, ("merges", new[] { "a b" }), ("normalizer.lowercase", false));
        using var named = MadeVocabulary.Of("whitespace", tokens, ("merges", new[] { "a b" }), ("pre", "whitespace"));
        Assert.AreEqual("ab ab a b", Texts(lower.Tokenizer, " AB\u3000ab\na b"));
        Assert.AreEqual("A b ab", Texts(kept.Tokenizer, "Ab ab"));
        Assert.AreEqual("A b ab", Texts(named.Tokenizer, "Ab ab"));
    }

    [TestMethod]
    public void KimiMayGoWithoutMerges()
    {
        using var made = MadeVocabulary.Of("gpt2", ["a", "b", "Ġ"], ("pre", "kimi-k2"));
        Assert.AreEqual("a b Ġ a", Texts(made.Tokenizer, "ab a"));
    }

    /// <summary>Without a key, a token of this text is found by it and becomes a control token.</summary>
    [TestMethod]
    [DataRow("fim_pre_token_id", TokenType.Normal)]
    [DataRow("prefix_token_id", TokenType.Normal)]
    [DataRow("other_token_id", TokenType.Control)]
    public void KeysGoBeforeTextsAndHaveOldNames(string key, TokenType expected)
    {
        using var made = MadeVocabulary.Of("gpt2", ["a", "<PRE>"], ("merges", Array.Empty<string>()), (key, 0u));
        Assert.AreEqual(expected, made.Tokenizer.Vocabulary.GetType(1));
    }

    [TestMethod]
    public void AnEmptyTextIsNamedByItsId()
    {
        using var made = MadeVocabulary.Of("gpt2", ["a", "", "<x>"],
            ("merges", Array.Empty<string>()), ("token_type", new[] { 1, 4, 3 }));
        Assert.AreEqual("[EMPTY_1] a", Texts(made.Tokenizer, "[EMPTY_1]a"));
    }
}
