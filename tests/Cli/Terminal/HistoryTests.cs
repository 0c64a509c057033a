using Edge.Llm.Cli.Terminal;

namespace Edge.Llm.Tests.Cli.Terminal;

[TestClass]
public sealed class HistoryTests
{
    private string _folder = null!;

    [TestInitialize]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory().FullName;

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    private string FilePath => Path.Combine(_folder, "edge-llm", "chat_history");

    [TestMethod]
    public void TheFileKeepsWhatWasEntered()
    {
        string[] texts = ["one", "two\nlines", @"back\slash \n", "日本語\r\n", "\ttab"];
        var history = new History(FilePath);
        foreach (string text in texts) history.Add(text);
        CollectionAssert.AreEqual(texts, new History(FilePath).Entries.ToArray());
        Assert.AreEqual(texts.Length, File.ReadAllLines(FilePath).Length);
    }

    [TestMethod]
    public void BlanksAndRepetitionsAreLeftOut()
    {
        var history = new History(FilePath);
        foreach (string text in (string[])["a", "", "  ", "a", "b", "a"]) history.Add(text);
        CollectionAssert.AreEqual(new[] { "a", "b", "a" }, history.Entries.ToArray());
        CollectionAssert.AreEqual(new[] { "a", "b", "a" }, new History(FilePath).Entries.ToArray());
    }

    [TestMethod]
    public void OnlyTheOwnerReadsIt()
    {
        new History(FilePath).Add("secret");
        if (OperatingSystem.IsWindows()) Assert.Inconclusive("Windows has no Unix file modes");
        else
        {
            Assert.AreEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
            Assert.AreEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(Path.GetDirectoryName(FilePath)!));
        }
    }

    [TestMethod]
    public void ItDoesNotGrowForever()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
        File.WriteAllLines(FilePath, Enumerable.Range(0, 2 * History.MaxEntries + 1).Select(i => $"{i}"));
        var history = new History(FilePath);
        Assert.HasCount(History.MaxEntries, history.Entries);
        Assert.AreEqual($"{2 * History.MaxEntries}", history.Entries[^1]);
        Assert.HasCount(History.MaxEntries, File.ReadAllLines(FilePath));
        history.Add("new");
        Assert.HasCount(History.MaxEntries, history.Entries);
    }

    [TestMethod]
    public void WithoutAFileItIsInMemoryAlone()
    {
        var history = new History(null);
        history.Add("a");
        Assert.AreEqual("a", history.Entries.Single());
    }

    [TestMethod]
    public void AFileThatCannotBeWrittenDoesNoHarm()
    {
        File.WriteAllText(Path.Combine(_folder, "edge-llm"), "a file where the folder should be");
        var history = new History(FilePath);
        history.Add("a");
        Assert.AreEqual("a", history.Entries.Single());
    }
}
