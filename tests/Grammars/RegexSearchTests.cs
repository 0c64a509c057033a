using System.Text.RegularExpressions;
using Edge.Llm.Grammars;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Expressions that are looked for in names, compared with .NET's.</summary>
[TestClass]
public sealed class RegexSearchTests
{
    private static readonly string[] s_names =
        ["token_embd.weight", "output.weight", "blk.0.attn_v.weight", "blk.12.ffn_down.weight", "blk.3.FFN_UP_exps.weight", "a\\d", "", "\u00dcber.weight", "blk.2.attn_v"];

    [TestMethod]
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
    [DataRow("\u00fcBER")]
    public void TheyAreFoundWhereDotNetFindsThem(string regex)
    {
        var search = new RegexSearch(regex);
        foreach (string name in s_names)
            Assert.AreEqual(Regex.IsMatch(name, regex, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant), search.IsFoundIn(name), name);
    }

    [TestMethod]
    public void AnExpressionThatGoesBackIsAsFast()
    {
        var search = new RegexSearch("^([a-z]+)+([a-z]+)+!");
        Assert.IsFalse(search.IsFoundIn(new string('a', 10_000)));
    }
}
