using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

[TestClass]
public sealed class RegexTests
{
    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    [TestInitialize]
    public void NeedsAVocabulary() => _ = Tokenizer;

    private static bool Accepts(string pattern, string text) => Grammar.Regex(pattern).Compile(Tokenizer).Accepts(Tokenizer, text);

    [TestMethod]
    [DataRow("abc", "abc", "ab abcd")]
    [DataRow("a|bc|", "a bc ", "ab c")]
    [DataRow("[a-c]+[^a-c]", "ad cabz cé", "a ab dd")]
    [DataRow("(?:ab){2,3}", "abab ababab", "ab abababab")]
    [DataRow("x{2,}y{0}z{1}", "xxz xxxz", "xz xxyz")]
    [DataRow(@"\d+\.\d*", "1. 12.5", ".5 1")]
    [DataRow(@"[\w.-]+@\w+", "a.b-c@d", "a@ @a")]
    [DataRow(@"^a$|^(b|^c)$", "a b c", "ab bc")]
    [DataRow("(?=.*[0-9])[a-z0-9]{2,4}", "a1 1a abc1", "ab a1b2c")]
    [DataRow("(?!ab|cd$)[a-d]+", "a ba cda", "ab abc cd")]
    [DataRow("a(?!b).", "ac aa", "ab a")]
    [DataRow("(?<year>[0-9]{4})-(?P<month>[0-9]{2})", "2024-01", "24-01")]
    [DataRow(@"\u00e9\x41\u{1F600}[\u{1F600}-\u{1F64F}]", "éA😀🙏", "éA😀a")]
    [DataRow("é?日+", "日 é日日", "é")]
    [DataRow("a{,2}", "a{,2}", "a aa")]
    public void TextsAreAcceptedOrNot(string pattern, string accepted, string refused)
    {
        foreach (string text in accepted.Split(' ')) Assert.IsTrue(Accepts(pattern, text), text);
        foreach (string text in refused.Split(' ')) Assert.IsFalse(Accepts(pattern, text), text);
    }

    [TestMethod]
    [DataRow("a(b", "character 2: the group has no end")]
    [DataRow("ab)", "character 3: a group ends that has no beginning")]
    [DataRow("a[bc", "character 2: the character class has no end")]
    [DataRow("*a", "nothing to repeat before '*'")]
    [DataRow("a{3,2}", "a count of 3 to 2")]
    [DataRow(@"(a)\1", @"\1 is not supported")]
    [DataRow(@"\bfoo", @"\b is not supported")]
    [DataRow("(?<=a)b", "other groups are not supported")]
    [DataRow("((?=a)b)", "lookahead inside a group")]
    [DataRow("a++", "possessive quantifiers")]
    [DataRow("a$b", "no text matches")]
    [DataRow("a[]b", "no text matches")]
    [DataRow("(a|b$)*", "repeated anchors")]
    public void ErrorsNameTheirPlace(string pattern, string message)
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => Accepts(pattern, "a"));
        Assert.AreEqual(ErrorCode.GrammarError, error.Code);
        StringAssert.Contains(error.Message, message);
    }
}
