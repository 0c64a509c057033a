using System.Text.RegularExpressions;
using System.Xml.Linq;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Architecture;

/// <summary>What holds for every file of the repository.</summary>
[TestClass]
public sealed partial class RepositoryTests
{
    private const int MostLines = 400;

    [TestMethod]
    public void MarkdownLinksPointToSomething() => RepositoryFiles.AssertNone(
        from file in RepositoryFiles.All()
        where file.Path.EndsWith(".md", StringComparison.Ordinal)
        from target in MarkdownLinks.Broken(Path.Combine(RepositoryFiles.Root(), file.Path), file.Text)
        select $"{file.Path}: {target}");

    [TestMethod]
    public void SourceFilesAnswerOneQuestion() => RepositoryFiles.AssertNone(
        from file in RepositoryFiles.All()
        where file.Path.EndsWith(".cs", StringComparison.Ordinal)
        let lines = file.Text.Count(c => c == '\n')
        where lines > MostLines
        select $"{file.Path}: {lines} lines, expected at most {MostLines}");

    [TestMethod]
    public void NoFileNamesOneMachinesPathsOrAPackageHost() => RepositoryFiles.AssertNone(
        from file in RepositoryFiles.All()
        from line in LinesLike(MachineOrHost(), file.Text)
        select $"{file.Path}:{line}");

    [TestMethod]
    public void NoSourceIsUnfinished() => RepositoryFiles.AssertNone(
        from file in RepositoryFiles.All()
        where Path.GetExtension(file.Path) is ".cs" or ".c" or ".cpp" or ".h" or ".py" or ".cu" or ".sh" or ""
        from line in LinesLike(Unfinished(), file.Text)
        select $"{file.Path}:{line}");

    [TestMethod]
    public void NugetConfigurationNamesNoSource() => RepositoryFiles.AssertNone(
        from file in RepositoryFiles.All()
        where Path.GetFileName(file.Path).Equals("nuget.config", StringComparison.OrdinalIgnoreCase)
        from sources in XDocument.Parse(file.Text).Descendants("packageSources")
        from source in sources.Elements("add")
        select $"{file.Path}: {source}");

    [TestMethod]
    public void TheWalkSeesTheTree()
    {
        string[] paths = [.. RepositoryFiles.All().Select(file => file.Path)];
        CollectionAssert.IsSubsetOf(new[] { "README.md", "nuget.config", ".ci/run", "engine/Edge.Llm.csproj", "tests/Architecture/RepositoryTests.cs" }, paths);
        Assert.IsFalse(paths.Any(path => path.Contains("/obj/") || path.StartsWith(".git/", StringComparison.Ordinal)));
    }

    [TestMethod]
    [DataRow("[a](RepositoryTests.cs), [b](..), [c](https://example.org/x), [d](#a-heading-it-is)\n## A heading: it is\n", "")]
    [DataRow("[a](Missing.cs)", "Missing.cs")]
    [DataRow("## Here\n[a](#there)", "#there")]
    [DataRow("```\n[a](Missing.cs)\n```\n[b](../Nowhere/)", "../Nowhere/")]
    public void BrokenLinksAreFound(string text, string expected)
    {
        string page = Path.Combine(RepositoryFiles.Root(), "tests", "Architecture", "Page.md");
        Assert.AreEqual(expected, string.Join(' ', MarkdownLinks.Broken(page, text)));
    }

    [TestMethod]
    [DataRow("cd /ro" + "ot/x", true)]
    [DataRow("see https://api.nu" + "get.org/v3/index.json", true)]
    [DataRow("obj/work/x and ../shared", false)]
    [DataRow("https://example.org/work/", false)]
    public void MachinePathsAndPackageHostsAreFound(string line, bool found) => Assert.AreEqual(found, MachineOrHost().IsMatch(line));

    private static IEnumerable<string> LinesLike(Regex pattern, string text) =>
        text.Split('\n').Select((line, i) => (line, i)).Where(at => pattern.IsMatch(at.line)).Select(at => $"{at.i + 1}: {at.line.Trim()}");

    [GeneratedRegex(@"(^|[^.\w])/(work|farm|root)/|https?://[a-z.]*(nuget|npmjs|debian)[a-z]*\.(org|com)")]
    private static partial Regex MachineOrHost();

    // Written so that this line is not one of them.
    [GeneratedRegex(@"\b(TO[D]O|FIX[M]E|HAC[K]|NotImplemented[E]xception)\b|Assert\.IsTrue\(tru[e]\)")]
    private static partial Regex Unfinished();
}
