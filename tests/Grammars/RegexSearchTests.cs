using System.Text.RegularExpressions;
using Edge.Llm.Grammars;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Expressions that are looked for in names, compared with .NET's.</summary>
[TestClass]
public sealed class RegexSearchTests
{
    private const int HangsAfter = 60_000; // ms

    private static readonly string[] s_names =
    [
        "token_embd.weight", "output.weight", "blk.0.attn_v.weight", "blk.12.ffn_down.weight", "blk.3.FFN_UP_exps.weight", "blk.2.attn_v",
        "a\\d", "", "\u00dcber.weight", "7", "\\", "^", "K", "~",
    ];

    [TestMethod]
    [Timeout(HangsAfter, CooperativeCancellation = false)]
    [DataRow("ffn_")]
    [DataRow("^attn_q")]
    [DataRow("^blk\\.[0-9]+\\.(attn_v|ffn_down)")]
    [DataRow("BLK\\.[012]\\.ATTN_V")]
    [DataRow("[A-F]fn_UP")]
    [DataRow("attn_v$")]
    [DataRow("^$")]
    [DataRow("\\D\\d\\D")]
    [DataRow("\\W$")]
    [DataRow("[^a-z_.0-9]")]
    [DataRow("\\\\D")]
    [DataRow("^(?!blk)")]
    [DataRow("^([a-z0-9._]+)+!")]
    [DataRow("(0|12)\\.(?:ffn|attn)_.{1,4}\\.")]
    [DataRow("\u00dcBER")]
    [DataRow("^[A-z]$")]
    [DataRow("^[^A-z]$")]
    [DataRow("^[^F-O]")]
    [DataRow("\\x42\\x4C\\u004b")]
    [DataRow("^[\\x61-\\x63]LK")]
    [DataRow("^\\D+$")]
    [DataRow("^[\\W\\d]$")]
    [DataRow("^\\S+$")]
    [DataRow("(?<Part>FFN|Attn)_[^D]")]
    public void TheyAreFoundWhereDotNetFindsThem(string regex)
    {
        var search = new RegexSearch(regex);
        RegexOptions way = regex.Contains("(?!", StringComparison.Ordinal) ? RegexOptions.None : RegexOptions.NonBacktracking;
        var dotNet = new Regex(regex, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | way);
        foreach (string name in s_names) Assert.AreEqual(dotNet.IsMatch(name), search.IsFoundIn(name), name);
    }

    [TestMethod]
    public void ANameOfPythonsIsAGroup() => Assert.IsTrue(new RegexSearch("(?P<Part>FFN|Attn)_").IsFoundIn("blk.0.ffn_up"));

    [TestMethod]
    [Timeout(HangsAfter, CooperativeCancellation = false)]
    public void AnExpressionThatGoesBackIsAsFast()
    {
        var search = new RegexSearch("^([a-z]+)+([a-z]+)+!");
        Assert.IsFalse(search.IsFoundIn(new string('a', 10_000)));
    }

    [TestMethod]
    [Timeout(HangsAfter, CooperativeCancellation = false)]
    public void SeveralThreadsFindWhatOneFinds()
    {
        const string Expression = "(a|b)*a[ab]{6}(c|$)";
        var search = new RegexSearch(Expression);
        var dotNet = new Regex(Expression);
        string[] texts = [.. Enumerable.Range(0, 4000).Select(seed => new string(new Random(seed).GetItems<char>("ab", 30)))];
        bool[] found = new bool[texts.Length];
        Parallel.For(0, texts.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => found[i] = search.IsFoundIn(texts[i]));
        for (int i = 0; i < texts.Length; i++) Assert.AreEqual(dotNet.IsMatch(texts[i]), found[i], texts[i]);
    }

    [TestMethod]
    public void WhereverASearchIsGivenUpTheNextOneIsRight()
    {
        byte[] text = [.. "baab"u8];
        int given = 0;
        for (int steps = 1; ; steps++)
        {
            var effort = new Effort();
            var patterns = new PatternPool(effort);
            int pattern = RegexParser.Parse("^[ab]*a[ab]{2}$").ToSearchPattern(patterns, set => set.ToPattern(patterns));
            effort.Restart();
            effort.Spend(Effort.StepsOfOneCall - steps);
            try
            {
                Assert.IsTrue(IsFound());
                break;
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
            {
                given++;
            }
            effort.Restart();
            Assert.IsTrue(IsFound(), $"behind {steps} steps");

            bool IsFound() => patterns.IsNullable(text.Aggregate(pattern, patterns.Step));
        }
        Assert.IsGreaterThan(10, given);
    }

    [TestMethod]
    [Timeout(HangsAfter, CooperativeCancellation = false)]
    public void ARuleThatCostsTooMuchIsNamed()
    {
        var rule = new TensorTypeRule("[ab]*a[ab]{2000}c", GgmlType.Q8_0);
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => rule.Matches(new string('a', 20_000)));
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
        StringAssert.StartsWith(error.Message, "'[ab]*a[ab]{2000}c': ");
    }
}
