using Edge.Llm.Cli.Terminal;

namespace Edge.Llm.Tests.Cli.Terminal;

[TestClass]
public sealed class MessageLinesTests
{
    // Lines are separated by /; messages come out in brackets.
    [TestMethod]
    [DataRow("a", "[a]")]
    [DataRow("a/b", "[a][b]")]
    [DataRow(@"a\/b", "[a\nb]")]
    [DataRow(@"a\/\/b/c", "[a\n\nb][c]")]
    [DataRow("'''a/b'''", "[a\nb]")]
    [DataRow("'''/a/ b/'''/c", "[a\n b][c]")]
    [DataRow("'''one'''", "[one]")]
    [DataRow(" '''/a\\/'''", "[a\\]")]
    [DataRow("'''/a//'''", "[a\n]")]
    [DataRow("say '''x'''", "[say '''x''']")]
    [DataRow("''''''", "[]")]
    [DataRow("'''/a", "")]
    public void Messages(string lines, string expected)
    {
        var messages = new MessageLines();
        string found = "";
        foreach (string line in lines.Replace('\'', '"').Split('/'))
            if (messages.Add(line) is { } message) found += $"[{message}]";
        Assert.AreEqual(expected.Replace('\'', '"'), found);
        Assert.AreEqual(expected.Length == 0, messages.Unfinished);
    }

    [TestMethod]
    public void AnUnfinishedMessageCanBeForgotten()
    {
        var messages = new MessageLines();
        Assert.IsNull(messages.Add("\"\"\"lost"));
        messages.Clear();
        Assert.AreEqual("kept", messages.Add("kept"));
    }
}
