using System.Runtime.CompilerServices;

namespace Edge.Llm.Tests.Dependencies;

/// <summary>Dependencies between the engine's folders point one way only.</summary>
[TestClass]
public sealed class DependencyTests
{
    /// <summary>Each folder, and the folders it may use.</summary>
    private static readonly Dictionary<string, string[]> s_allowed = Close(new()
    {
        ["Errors"] = [],
        ["Memory"] = ["Errors"],
        ["Threading"] = ["Errors"],
        ["Gguf"] = ["Memory"],
        ["Kernels"] = ["Gguf", "Threading"],
        ["Quantization"] = ["Kernels"],
        ["Tokenization"] = ["Gguf"],
        ["Conversion"] = ["Quantization", "Tokenization"],
        ["Ops"] = ["Kernels"],
        ["Backends"] = ["Ops"],
        ["Cache"] = ["Ops"],
        ["Models"] = ["Cache", "Backends"],
        ["Sampling"] = ["Tokenization", "Kernels"],
        ["Scheduling"] = ["Models", "Sampling"],
        ["Api"] = ["Scheduling"],
        ["Evaluation"] = ["Api", "Quantization"],
    });

    [TestMethod]
    public void NoFolderUsesOneAboveIt()
    {
        string engine = Engine();
        var wrong = new List<string>();
        foreach (string file in Directory.EnumerateFiles(engine, "*.cs", SearchOption.AllDirectories))
        {
            string path = Path.GetRelativePath(engine, file);
            string folder = path.Split(Path.DirectorySeparatorChar)[0];
            if (folder is "obj" or "bin") continue;
            Assert.IsTrue(s_allowed.ContainsKey(folder), $"{path}: folder {folder} has no place in the order of dependencies");
            string[] apiTypes = folder == "Api" || s_allowed[folder].Contains("Api") ? [] : ApiTypes(engine);
            foreach (string line in File.ReadLines(file))
            {
                if (line.TrimStart().StartsWith("//", StringComparison.Ordinal)) continue;
                if (UsedFolder(line) is { } used && used != folder && !s_allowed[folder].Contains(used)) wrong.Add($"{path}: {line}");
                foreach (string type in apiTypes)
                    if (Mentions(line, type)) wrong.Add($"{path}: {line.Trim()}");
            }
        }
        Assert.AreEqual("", string.Join('\n', wrong));
    }

    [TestMethod]
    public void AnUpwardUseIsSeen()
    {
        Assert.AreEqual("Models", UsedFolder("using Edge.Llm.Models.Architectures;"));
        Assert.AreEqual("Ops", UsedFolder("using static Edge.Llm.Ops.RowOps;"));
        Assert.AreEqual("Cache", UsedFolder("using Shape = Edge.Llm.Cache.KvShape;"));
        Assert.IsNull(UsedFolder("using System.Text;"));
        Assert.DoesNotContain("Models", s_allowed["Kernels"]);
        Assert.Contains("Memory", s_allowed["Api"]);
        Assert.Contains("Errors", s_allowed["Kernels"]);
        Assert.IsTrue(Mentions("        var model = LanguageModel.Open(path);", "LanguageModel"));
        Assert.IsFalse(Mentions("        LanguageModels = 3;", "LanguageModel"));
    }

    // Types of Api share the root namespace, so no using tells of them.
    private static string[] ApiTypes(string engine) =>
        [.. Directory.EnumerateFiles(Path.Combine(engine, "Api"), "*.cs").Select(file => Path.GetFileNameWithoutExtension(file))
            .Where(name => name is not "Logits")];

    private static string? UsedFolder(string line)
    {
        const string Root = "Edge.Llm.";
        if (!line.StartsWith("using ", StringComparison.Ordinal)) return null;
        int start = line.IndexOf(Root, StringComparison.Ordinal);
        return start < 0 ? null : line[(start + Root.Length)..].Split('.', ';')[0];
    }

    private static bool Mentions(string line, string word)
    {
        for (int at = line.IndexOf(word, StringComparison.Ordinal); at >= 0; at = line.IndexOf(word, at + 1, StringComparison.Ordinal))
        {
            bool begins = at == 0 || (!IsWord(line[at - 1]) && line[at - 1] != '.');
            bool ends = at + word.Length == line.Length || !IsWord(line[at + word.Length]);
            if (begins && ends) return true;
        }
        return false;
    }

    private static bool IsWord(char c) => char.IsLetterOrDigit(c) || c == '_';

    private static Dictionary<string, string[]> Close(Dictionary<string, string[]> direct)
    {
        var closed = new Dictionary<string, string[]>();
        foreach ((string folder, string[] uses) in direct) // listed below before above
            closed[folder] = [.. uses.Concat(uses.SelectMany(used => closed[used])).Distinct()];
        return closed;
    }

    private static string Engine([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "engine"));
}
