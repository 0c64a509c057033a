using System.Text;
using Edge.Llm.Tests.Support;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Tests.Tokenization;

[TestClass]
public class MergeTests
{
    private static readonly (string, float)[] s_spm = [("▁", -9), ("a", -9), ("b", -9), ("ab", -2), ("ba", -1), ("aa", -3), ("aaaa", -4), ("▁a", -5), ("bab", -6)];

    [TestMethod]
    [DataRow("hello", "hello")]
    [DataRow("hellhe", "hell he")]
    [DataRow("hel world", "he l Ġw or l d")]
    [DataRow("aaaaaaa", "aaaa aa a")]
    [DataRow("é", "Ã©")]
    public void TheEarliestListedMergeGoesFirst(string text, string expected)
    {
        Tokenizer tokenizer = SmallVocabularies.Bpe();
        Assert.AreEqual(expected, string.Join(' ', tokenizer.Texts(tokenizer.Encode(text, addSpecial: false))));
    }

    [TestMethod]
    [DataRow("ab", "▁ ab")]
    [DataRow("bab", "▁ bab")]
    [DataRow("aaaaa", "▁ aaaa a")]
    [DataRow("c", "▁ <0x63>")]
    [DataRow("é", "▁ <0xC3> <0xA9>")]
    public void TheHighestScoreGoesFirst(string text, string expected)
    {
        Tokenizer tokenizer = SmallVocabularies.Spm(s_spm);
        Assert.AreEqual(expected, string.Join(' ', tokenizer.Texts(tokenizer.Encode(text, addSpecial: false))));
    }

    [TestMethod]
    public void AMergeMadeOfTextThatIsNoTokenStillApplies()
    {
        // "xy" is merged but is no token itself: it falls back to its characters; "xyz" is a token and needs the step in between.
        Tokenizer tokenizer = new BpeTokenizer(
            SmallVocabularies.Bpe(merges: ["xy z"], special: []).Vocabulary, PackedStrings.Copy([.. new[] { "x y", "xy z", "bad", "" }.Select(Encoding.UTF8.GetBytes)]));
        Assert.AreEqual("xyz", string.Join(' ', tokenizer.Texts(tokenizer.Encode("xyz", addSpecial: false))));
        Assert.AreEqual("x y w", string.Join(' ', tokenizer.Texts(tokenizer.Encode("xyw", addSpecial: false))));
    }

    [TestMethod]
    public void SpmGivesTheSameIdsWordByWordAsOverTheWholeText()
    {
        // A token with a space inside turns cutting at words off; it must change nothing where it does not occur.
        Tokenizer words = SmallVocabularies.Spm(s_spm), whole = SmallVocabularies.Spm([.. s_spm, ("q▁q", -1)]);
        var random = new Random(3);
        for (int i = 0; i < 300; i++)
        {
            string text = new([.. Enumerable.Range(0, random.Next(40)).Select(_ => "ab  ac"[random.Next(6)])]);
            CollectionAssert.AreEqual(whole.Encode(text), words.Encode(text), text);
        }
    }

    [TestMethod]
    [DataRow("bpe", "a")]
    [DataRow("bpe", "hello")]
    [DataRow("spm", "a")]
    [DataRow("spm", "ab")]
    [DataRow("spm", " ")]
    public void TwiceTheTextIsAboutTwiceTheWork(string kind, string unit)
    {
        Tokenizer tokenizer = kind == "bpe" ? SmallVocabularies.Bpe() : SmallVocabularies.Spm(s_spm);
        long small = Work(tokenizer, unit, 20_000), large = Work(tokenizer, unit, 40_000);
        Assert.IsGreaterThan(10_000, small);
        Assert.IsLessThan(small * 5 / 2, large);
    }

    [TestMethod]
    [Timeout(60_000, CooperativeCancellation = false)]
    [DataRow("bpe")]
    [DataRow("spm")]
    public void AMillionLettersWithoutASpaceAreOneWord(string kind)
    {
        Tokenizer tokenizer = kind == "bpe" ? SmallVocabularies.Bpe() : SmallVocabularies.Spm(s_spm);
        int[] ids = tokenizer.Encode(new string('a', 1_000_000), addSpecial: false);
        Assert.AreEqual(250_000 + (kind == "spm" ? 1 : 0), ids.Length);
    }

    private static long Work(Tokenizer tokenizer, string unit, int characters)
    {
        var merger = new SymbolMerger();
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(unit, characters / unit.Length)));
        tokenizer.Encode(text, [], addSpecial: false, parseSpecial: true, merger);
        return merger.Steps;
    }
}
