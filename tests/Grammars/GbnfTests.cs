using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

[TestClass]
public sealed class GbnfTests
{
    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    [TestInitialize]
    public void NeedsAVocabulary() => _ = Tokenizer;

    private static bool Accepts(string grammar, string text) => Grammar.Gbnf(grammar).Compile(Tokenizer).Accepts(Tokenizer, text);

    [TestMethod]
    [DataRow("root ::= \"abc\"", "abc", "ab abcd")]
    [DataRow("root ::= \"a\" | \"bc\" | ", "a bc ", "ab c")]
    [DataRow("root ::= [a-c]+ [^a-c]", "ad cabz cé", "a ab dd")]
    [DataRow("root ::= \"ab\"{2,3}", "abab ababab", "ab abababab aba")]
    [DataRow("root ::= \"a\"{2}", "aa", "a aaa")]
    [DataRow("root ::= [ab]{2,}", "ab bbbbbb", "a")]
    [DataRow("root ::= (\"x\" (\"y\" | \"z\"))* \"!\"", "! xy! xzxy!", "xy xx!")]
    [DataRow("root ::= a \"b\"\na ::= \"(\" a \")\" | \"\"", "b ()b (())b", "(b ())b )b")]
    [DataRow("root ::= .", "a é 日 😀", "ab")]
    [DataRow("root ::= \"\\x41\\u00e9\\U0001F600\"", "Aé😀", "Aé")]
    [DataRow("root ::= [ぁ-ゟ]+", "ぁゟ", "ァ a")]
    [DataRow("# comment\nroot ::= ( # here too\n \"a\" |\n \"b\" )\n\n  c\n", "", "")]
    [DataRow("root ::= \"a\" |\n  \"b\"\n", "a b", "ab")]
    [DataRow("root ::= list\nlist ::= item | list \",\" item\nitem ::= [0-9]+", "1 1,2 12,3,4", ", 1, ,1")]
    [DataRow("root ::= e\ne ::= e \"+\" t | t\nt ::= t \"*\" f | f\nf ::= \"(\" e \")\" | [0-9]", "1 1+2 (1+2)*3", "1+ () (1")]
    [DataRow("root ::= x\nx ::= y \"a\" | \"b\"\ny ::= x \"c\"", "b bca bcaca", "bc ca")]
    [DataRow("root ::= ws \"a\"\nws ::= ([ _] ws)?", "a _a ___a", "_ a_")]
    [DataRow("root ::= list\nlist ::= [0-9] (\",\" list)?", "1 1,2,3", "1, ,")]
    [DataRow("root ::= a* \"b\"\na ::= \"x\"? \"y\"?", "b xb yxyxxyb", "x")]
    [DataRow("root ::= (a){0,3} \"b\"\na ::= (\"[\" a \"]\")?", "b [[]]b [][][]b", "[][][][]b [b")]
    public void TextsAreAcceptedOrNot(string grammar, string accepted, string refused)
    {
        if (grammar.StartsWith('#'))
        {
            Assert.ThrowsExactly<EdgeLlmException>(() => Accepts(grammar, "a"));
            return;
        }
        foreach (string text in accepted.Split(' ')) Assert.IsTrue(Accepts(grammar, text), text);
        foreach (string text in refused.Split(' ')) Assert.IsFalse(Accepts(grammar, text), text);
    }

    [TestMethod]
    [DataRow("rule ::= \"a\"", "no rule \"root\"")]
    [DataRow("root ::= a", "line 1, column 10: rule \"a\" is not defined")]
    [DataRow("root ::= \"a\nb", "the literal")]
    [DataRow("root ::= \"a", "line 1, column 10: the literal has no end")]
    [DataRow("root ::= \"x\"\na ::= [a-", "line 2, column 7: the character class has no end")]
    [DataRow("root ::= (\"a\"", "line 1, column 10: the group has no end")]
    [DataRow("root ::= \"a\")", "expected the end of the rule, found ')'")]
    [DataRow("root ::= \"a\"{3,2}", "a count of 3 to 2")]
    [DataRow("root ::= \"a\"{99999999999}", "expected at most")]
    [DataRow("root ::= *", "expected something to repeat")]
    [DataRow("root ::= \"\\q\"", "expected one of")]
    [DataRow("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: rule \"root\" is defined twice")]
    [DataRow("root = \"a\"", "expected ::=")]
    [DataRow("root ::= <nonsense>", "expected one token")]
    [DataRow("root ::= <[999999]>", "expected an id from 0 to")]
    [DataRow("root ::= root \"a\"", "no text matches")]
    public void ErrorsNameTheirPlace(string grammar, string message)
    {
        if (grammar.Contains("a\nb")) grammar = "root ::= \"";
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => Accepts(grammar, "a"));
        Assert.AreEqual(ErrorCode.GrammarError, error.Code);
        StringAssert.Contains(error.Message, message);
    }

    [TestMethod]
    public void TokensAreTerminals()
    {
        int begin = Tokenizer.Vocabulary.Find("<|begin_of_text|>"u8), a = Tokenizer.Encode("a", addSpecial: false)[0];
        CompiledGrammar grammar = Grammar.Gbnf($"root ::= <|begin_of_text|> \"a\" !<[{a}]> | \"b\" <[{a}]>").Compile(Tokenizer);
        var mask = new TokenMask(Tokenizer.Vocabulary.Count);
        GrammarMatcher matcher = grammar.NewMatcher();
        matcher.Fill(mask);
        int b = Tokenizer.Encode("b", addSpecial: false)[0];
        CollectionAssert.AreEquivalent(new[] { begin, b }, new[] { mask.Next(0), mask.Next(mask.Next(0) + 1) });
        Assert.AreEqual(2, mask.Count);
        Assert.IsTrue(matcher.Accept(begin));
        Assert.IsTrue(matcher.Accept(a));
        matcher.Fill(mask);
        Assert.IsFalse(mask[a]);
        Assert.IsFalse(mask[begin], "a control token is not any token");
        Assert.IsTrue(mask[b]);
        Assert.IsFalse(matcher.IsComplete);
        Assert.IsTrue(matcher.Accept(b));
        Assert.IsTrue(matcher.IsComplete);
    }

    [TestMethod]
    [DataRow("arithmetic", "(a+1)*2=3\n")]
    [DataRow("c", "int main(){return 1+2;}")]
    [DataRow("english", "Hello, world.")]
    [DataRow("japanese", "こんにちは 世界")]
    [DataRow("json", "{\"a\": [1, {\"b\": null}], \"c\": \"x\\n\"}")]
    [DataRow("json_arr", "[\n1,\n2]")]
    [DataRow("list", "- one\n- two\n")]
    [DataRow("chess", "1. e4 e5\n2. Nf3 Nc6\n")]
    public void SharedGrammarsAcceptTheirTextsAndWriteWholeOnes(string name, string text)
    {
        CompiledGrammar grammar = Grammar.Gbnf(File.ReadAllText(Settings.Shared("schemas", "grammars", name + ".gbnf"))).Compile(Tokenizer);
        Assert.IsTrue(grammar.Accepts(Tokenizer, text));
        Assert.IsFalse(grammar.Accepts(Tokenizer, text + "\u0001"));
        var random = new Random(1);
        for (int i = 0; i < 20; i++)
        {
            int[] ids = grammar.Random(Tokenizer, random, 60, out bool ended);
            string made = Tokenizer.Text(ids);
            Assert.IsTrue(grammar.Accepts(Tokenizer, made), made);
            Assert.IsTrue(ended || ids.Length == 60, made);
        }
    }
}
