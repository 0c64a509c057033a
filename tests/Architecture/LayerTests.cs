using System.Text.RegularExpressions;

namespace Edge.Llm.Tests.SourceTree;

/// <summary>Dependencies between the engine's folders point one way: a file uses lower layers only.</summary>
[TestClass]
public sealed partial class LayerTests
{
    /// <summary>Lowest first. Folders of one layer do not use one another.</summary>
    private static readonly string[][] s_layers =
    [
        ["Memory", "Threading"], ["Gguf"], ["Kernels"], ["Ops"], ["Backends"], ["Cache", "Sampling", "Tokenization"], ["Models"], ["Scheduling"], ["Api"],
    ];

    [TestMethod]
    public void No_engine_file_uses_its_own_layer_or_one_above() => RepositoryFiles.AssertNone(
        from file in EngineFiles()
        from use in Using().Matches(file.Text).Select(match => match.Groups[1].Value)
        where use != file.Folder && LayerOf(use) >= LayerOf(file.Folder)
        select $"{file.Path} uses Edge.Llm.{use}");

    [TestMethod]
    public void Every_engine_folder_has_a_layer() => RepositoryFiles.AssertNone(
        EngineFiles().Select(file => file.Folder).Distinct().Where(folder => LayerOf(folder) < 0));

    private static IEnumerable<(string Path, string Folder, string Text)> EngineFiles() =>
        from file in RepositoryFiles.All()
        where file.Path.StartsWith("engine/", StringComparison.Ordinal) && file.Path.EndsWith(".cs", StringComparison.Ordinal)
        select (file.Path, file.Path.Split('/')[1], file.Text);

    private static int LayerOf(string folder) => Array.FindIndex(s_layers, layer => layer.Contains(folder));

    [GeneratedRegex(@"^using (?:static )?Edge\.Llm\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex Using();
}
