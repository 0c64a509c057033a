using System.Text;
using Edge.Llm.Tokenization;
using FsCheck;
using FsCheck.Fluent;

namespace Edge.Llm.Tests.Tokenization;

[TestClass]
public class PreTokenizerTests
{
    /// <summary>Those of vocabularies that write bytes in GPT-2's alphabet.</summary>
    internal static readonly string[] Names = [.. PreTokenizerTable.Names.Where(name => PreTokenizer.Get(name).Spelling == Spelling.Bytes)];

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
    [DataRow("jais-2", "a           b\n \n       c   ", "a|        |  | b|\n \n|    |  | c|  | ")]
    [DataRow("minicpm5", "a12345 b'S", "a|123|45| b|'S")]
    [DataRow("ufakzeka", "it's 12", "it|'s| |1|2")]
    [DataRow("laguna", "a\n\n b !\n", "a|\n\n| b| !|\n")]
    [DataRow("seed-coder", "a;\n\nb", "a|;|\n\n|b")]
    [DataRow("exaone-moe", "one two  e\u0301 x, y?\n\n", "one two| | e\u0301 x|,| y|?\n|\n")]
    [DataRow("spark2_5", "a;\n\nb  \n c", "a|;|\n|\n|b|  \n| c")]
    [DataRow("afmoe", "a1234567b ไทย12", "a|1|234|567|b| |ไ|ทย|12")]
    [DataRow("youtu", "한국ABc's，。ㄅ中12/ /\n/", "한국|ABc's|，。|ㄅ|中|1|2|/| /\n/")]
    [DataRow("tiny_aya", "x1234 It's e\u0301", "x|1|234| It's| e\u0301")]
    [DataRow("granite-embed-multi-97m", "\u0301AB e\u0301A", "\u0301|AB| e\u0301|A")]
    [DataRow("kimi-k2", "日本x's 1234 e\u0301a!\n", "日本|x's| |123|4| e|\u0301a|!\n")]
    [DataRow("superbpe", "a 1234567 b123456 12", "a |1|234|567| b|123|456| |12")]
    [DataRow("chameleon", "a<sentinel:12>IMGIMGAZ\t     b12", "a|<|sentinel|:|1|2|>|IMGIMGAZ|\t|    | b|1|2")]
    [DataRow("bloom", "a, b (c)  d?!", "a|,| b| (|c|) | d|?!")]
    [DataRow("viking", "ab12, c", "ab|1|2|,| c")]
    [DataRow("whitespace", " a\u3000b c", " |a|\u3000|b| |c")]
    [DataRow("gemma4", "a b\n\nc", "a b|\n\n|c")]
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
        foreach (string name in PreTokenizerTable.Names)
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

    /// <summary>A rule that looks at a long run again for each piece of it would take hours.</summary>
    [TestMethod]
    [Timeout(120_000, CooperativeCancellation = false)]
    [DataRow(" ")]
    [DataRow("\t\n ")]
    [DataRow("\u3000")]
    [DataRow("1")]
    [DataRow("½")]
    [DataRow("a")]
    [DataRow("éA")]
    [DataRow("A\u0301")]
    [DataRow("中")]
    [DataRow("a ")]
    [DataRow("'r")]
    [DataRow("😀")]
    [DataRow("!/\r")]
    [DataRow("<sentinel:1")]
    [DataRow("IMGIMGA")]
    public void ALongRunOfAnythingIsCutInTime(string unit)
    {
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(unit, 200_000)));
        var lengths = new List<int>();
        foreach (PreTokenizer preTokenizer in PreTokenizerTable.Names.Select(PreTokenizer.Get).Distinct())
        {
            lengths.Clear();
            preTokenizer.Split(text, lengths);
            Assert.AreEqual(text.Length, lengths.Sum());
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
