using System.Text;
using Edge.Llm.Tests.Support;
using Edge.Llm.Tokenization;
using FsCheck.Fluent;
using FsCheck;

namespace Edge.Llm.Tests.Tokenization;

[TestClass]
public class SpecialTokenMatcherTests
{
    private static readonly (string Text, TokenType Type)[] s_special =
    [
        ("xy", TokenType.Control), ("xyx", TokenType.UserDefined), ("yxyxy", TokenType.Control), ("xz", TokenType.UserDefined),
        ("yy", TokenType.Unknown), (" z", TokenType.Control), ("zzzz", TokenType.UserDefined), ("zyz ", TokenType.Control),
    ];

    /// <summary>The rule as llama.cpp states it: for each token, longest first, for each stretch of text left, each occurrence.</summary>
    private static List<(string Text, int Id)> Naive(Tokenizer tokenizer, string text, bool parseSpecial, bool strip)
    {
        List<(string Text, int Id)> parts = text.Length == 0 ? [] : [(text, -1)];
        foreach ((string token, TokenType type) in s_special.OrderByDescending(t => t.Text.Length))
        {
            if (!parseSpecial && type != TokenType.UserDefined) continue;
            var next = new List<(string, int)>();
            foreach ((string part, int id) in parts)
            {
                string rest = part;
                int at;
                while (id < 0 && (at = rest.IndexOf(token, StringComparison.Ordinal)) >= 0)
                {
                    if (at > 0) next.Add((rest[..at], -1));
                    next.Add((token, tokenizer.Id(token)));
                    rest = rest[(at + token.Length)..];
                    if (strip) rest = rest.TrimStart(' ');
                }
                if (rest.Length > 0) next.Add((rest, id));
            }
            parts = next;
        }
        return parts;
    }

    [TestMethod]
    [DataRow(true, "")]
    [DataRow(false, "")]
    [DataRow(true, "Phi-3 mini")]
    public void OnePassFindsWhatScanningForEachTokenFinds(bool parseSpecial, string modelName)
    {
        Tokenizer tokenizer = SmallVocabularies.Bpe(special: s_special, modelName: modelName);
        var matcher = new SpecialTokenMatcher(tokenizer.Vocabulary);
        Gen<string> texts = Gen.Elements("xyz w".ToCharArray()).ArrayOf().Select(letters => new string(letters));
        Prop.ForAll(texts.ToArbitrary(), text =>
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            List<(string, int)> found = [.. matcher.Partition(utf8, parseSpecial)
                .Select(part => (Encoding.UTF8.GetString(utf8, part.Start, part.Length), part.Token))];
            return found.SequenceEqual(Naive(tokenizer, text, parseSpecial, strip: modelName.Length > 0));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [TestMethod]
    public void UserDefinedTokensAreReadEvenWhenSpecialOnesAreNot()
    {
        Tokenizer tokenizer = SmallVocabularies.Bpe();
        int user = tokenizer.Id("<user>"), end = tokenizer.Id("<|end|>");
        CollectionAssert.AreEqual(new[] { user, end }, tokenizer.Encode("<user><|end|>", addSpecial: false));
        int[] plain = tokenizer.Encode("<user><|end|>", addSpecial: false, parseSpecial: false);
        Assert.AreEqual(user, plain[0]);
        Assert.DoesNotContain(end, plain);
        Assert.AreEqual("<user><|end|>", tokenizer.Decode(plain));
    }
}
