using System.Text;
using Edge.Llm.Tokenization;
using FsCheck;
using FsCheck.Fluent;

namespace Edge.Llm.Tests.Tokenization;

[TestClass]
public class PreTokenizerTests
{
    internal static readonly string[] Names =
        ["default", "llama-bpe", "dbrx", "glm4", "qwen2", "qwen35", "gpt-2", "starcoder", "refact", "smollm", "codeshell", "falcon", "deepseek-coder",
            "deepseek-llm", "deepseek-v3", "tekken", "gpt-4o"];

    [TestMethod]
    [DataRow("gpt-2", "I'm  here,  2024!\n\n x ", "I|'m| | here|,| | 2024|!|\n\n| x| ")]
    [DataRow("gpt-2", "I'M 'sa", "I|'|M| '|sa")]
    [DataRow("llama-bpe", "I'M  here,\n\n 12345 x\u00e9\t\ty ", "I|'M| | here|,\n\n| |123|45| x\u00e9|\t|\ty| ")]
    [DataRow("llama-bpe", "(x) \n  \n y", "(x|)| \n  \n| y")]
    [DataRow("qwen2", "v12 !?\r\n", "v|1|2| !?\r\n")]
    [DataRow("qwen35", "e\u0301a \u0301", "e\u0301a| \u0301")]
    [DataRow("qwen2", "e\u0301a", "e|\u0301a")]
    [DataRow("starcoder", "a 12", "a| |1|2")]
    [DataRow("falcon", "x12345,,`y`", "x|123|45|,,`|y|`")]
    [DataRow("default", "x12345 `y`", "x|123|45| `|y|`")]
    [DataRow("tekken", "HTTPServer CamelCase éA's 12/ /\n/", "HTTPServer| Camel|Case| é|A|'s| |1|2|/| /\n/")]
    [DataRow("gpt-4o", "CamelCase's IT'S 1234", "Camel|Case's| IT'S| |123|4")]
    [DataRow("deepseek-llm", "ab  cd!x 12中", "ab| | cd|!|x| |12|中")]
    [DataRow("deepseek-v3", "ab.cd  !x\u30FC中1234\n", "ab|.cd| | !|x|ー中|123|4|\n")]
    [DataRow("deepseek-coder", "ab  cd, ,;\n12中文x", "ab| | cd|,| ,;|\n|1|2|中文|x")]
    public void WordsAreThoseOfTheRegularExpressions(string name, string text, string words)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        var lengths = new List<int>();
        PreTokenizer.Get(name).Split(utf8, lengths);
        int at = 0;
        Assert.AreEqual(words, string.Join('|', lengths.Select(length => Encoding.UTF8.GetString(utf8, (at += length) - length, length))));
    }

    [TestMethod]
    public void WordsCoverTheText()
    {
        foreach (string name in Names)
        {
            PreTokenizer preTokenizer = PreTokenizer.Get(name);
            Prop.ForAll(Texts.Any, text =>
            {
                byte[] utf8 = Encoding.UTF8.GetBytes(text);
                var lengths = new List<int>();
                preTokenizer.Split(utf8, lengths);
                return lengths.All(length => length > 0) && lengths.Sum() == utf8.Length;
            }).QuickCheckThrowOnFailure();
        }
    }

    [TestMethod]
    public void AnUnknownNameIsNamed()
    {
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => PreTokenizer.Get("no-such-pre"));
        Assert.AreEqual(ErrorCode.Unsupported, error.Code);
        StringAssert.Contains(error.Message, "no-such-pre");
    }
}
