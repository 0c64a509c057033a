using System.Text.RegularExpressions;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Architecture;

/// <summary>Dependencies between the engine's folders point one way only.</summary>
[TestClass]
public sealed partial class DependencyTests
{
    /// <summary>Each folder, and the folders it may use.</summary>
    private static readonly Dictionary<string, string[]> s_allowed = Close(new()
    {
        ["Errors"] = [],
        ["Threading"] = ["Errors"],
        ["Memory"] = ["Threading"],
        ["Gguf"] = ["Memory"],
        ["Kernels"] = ["Gguf"],
        ["Tokenization"] = ["Gguf"],
        ["Grammars"] = ["Tokenization"],
        ["Quantization"] = ["Grammars", "Kernels"],
        ["Templates"] = ["Tokenization"],
        ["Conversion"] = ["Quantization", "Tokenization"],
        ["Adapters"] = ["Kernels"],
        ["Ops"] = ["Adapters"],
        ["Cache"] = ["Ops"],
        ["Models"] = ["Cache"],
        ["Offload"] = ["Models"],
        ["Sampling"] = ["Grammars", "Kernels"],
        ["Scheduling"] = ["Models", "Sampling"],
        ["Answers"] = ["Scheduling", "Templates"],
        ["Api"] = ["Answers", "Offload"],
        ["Evaluation"] = ["Api", "Quantization"],
    });

    [TestMethod]
    public void NoFolderUsesOneAboveIt()
    {
        (string Path, string Folder, string[] Lines)[] files = [.. Sources()];
        Dictionary<string, string> root = RootTypes(files);
        var wrong = new List<string>();
        foreach ((string path, string folder, string[] lines) in files)
        {
            Assert.IsTrue(s_allowed.ContainsKey(folder), $"{path}: folder {folder} has no place in the order of dependencies");
            foreach (string line in lines)
                if (Uses(line, root).Any(used => used != folder && !s_allowed[folder].Contains(used))) wrong.Add($"{path}: {line.Trim()}");
        }
        Assert.AreEqual("", string.Join('\n', wrong));
    }

    [TestMethod]
    public void AnUpwardUseIsSeen()
    {
        Assert.DoesNotContain("Models", s_allowed["Kernels"]);
        Assert.Contains("Memory", s_allowed["Api"]);
        Assert.Contains("Errors", s_allowed["Kernels"]);
        Dictionary<string, string> root = RootTypes([.. Sources()]);
        Assert.AreEqual("Gguf", root["GgmlType"]);
        Assert.AreEqual("Api", root["LanguageModel"]);
        Assert.AreEqual("Errors", root["ErrorCode"]);
        Assert.IsFalse(root.ContainsKey("KernelTable"), "a namespace of its own tells");
    }

    [TestMethod]
    [DataRow("using Edge.Llm.Models.Architectures;", "Models")]
    [DataRow("using static Edge.Llm.Ops.RowOps;", "Ops")]
    [DataRow("using Shape = Edge.Llm.Cache.KvShape;", "Cache")]
    [DataRow("using System.Text;", "")]
    [DataRow("        var model = LanguageModel.Open(path);", "Api")]
    [DataRow("        List<GgmlType> types = Edge.Llm.LanguageModel.Types;", "Gguf Api")]
    [DataRow("        LanguageModels = file.LanguageModel; // not LanguageModel", "")]
    [DataRow("    /// <see cref=\"LanguageModel\"/>", "")]
    [DataRow("    public float[] LanguageModel => Make(\"LanguageModel\");", "")]
    [DataRow("    LanguageModel LanguageModel { get; } = $\"{LanguageModel.Name}\";", "Api Api")]
    [DataRow("    Value = new LanguageModel(path), Other = LanguageModel(3),", "Api")]
    public void TheFoldersThatALineUsesAreSeen(string line, string expected)
    {
        Dictionary<string, string> root = new() { ["LanguageModel"] = "Api", ["GgmlType"] = "Gguf" };
        Assert.AreEqual(expected, string.Join(' ', Uses(line, root)));
    }

    // Folders by a namespace that a using names, and by types of the root namespace, of which no using tells.
    private static IEnumerable<string> Uses(string line, Dictionary<string, string> root)
    {
        string code = TextOrComment().Replace(line, match => match.Value[0] == '$' ? match.Value : "");
        if (UsingOfFolder().Match(code) is { Success: true } used && s_allowed.ContainsKey(used.Groups[1].Value)) yield return used.Groups[1].Value;
        foreach (Match word in Word().Matches(code))
            if (root.TryGetValue(word.Value, out string? folder)) yield return folder;
    }

    private static Dictionary<string, string> RootTypes((string Path, string Folder, string[] Lines)[] files)
    {
        var types = new Dictionary<string, string>();
        foreach ((string path, string folder, string[] lines) in files.Where(file => file.Lines.Contains("namespace Edge.Llm;")))
            foreach (string line in lines)
                if (Declaration().Match(line) is { Success: true } type && !types.TryAdd(type.Groups[1].Value, folder))
                    Assert.AreEqual(types[type.Groups[1].Value], folder, $"{path}: a type in two folders");
        return types;
    }

    private static IEnumerable<(string Path, string Folder, string[] Lines)> Sources() =>
        from file in RepositoryFiles.All()
        let parts = file.Path.Split('/')
        where parts[0] == "engine" && parts.Length > 2 && file.Path.EndsWith(".cs", StringComparison.Ordinal)
        select (file.Path, parts[1], file.Text.Split('\n'));

    [GeneratedRegex(@"^using .*?\bEdge\.Llm\.(\w+)")]
    private static partial Regex UsingOfFolder();

    // A word where a type may stand: no member of something else, no name that is declared or set here, no method.
    [GeneratedRegex(@"(?<=(\bnew|:) )\w+|(?<![\w.])\w+\b(?!\s*[=(]|\s\{ get)|(?<=\bEdge\.Llm\.)\w+")]
    private static partial Regex Word();

    [GeneratedRegex("""\$?"[^"]*"|//.*""")]
    private static partial Regex TextOrComment();

    // A type that is not inside another.
    [GeneratedRegex(@"^(?:public|internal) (?:\w+ )*?(?:class|struct|record|enum|interface)(?: struct| class)? (\w+)")]
    private static partial Regex Declaration();

    private static Dictionary<string, string[]> Close(Dictionary<string, string[]> direct)
    {
        var closed = new Dictionary<string, string[]>();
        foreach ((string folder, string[] uses) in direct) // listed below before above
            closed[folder] = [.. uses.Concat(uses.SelectMany(used => closed[used])).Distinct()];
        return closed;
    }
}
