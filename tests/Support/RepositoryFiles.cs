using System.Runtime.CompilerServices;

namespace Edge.Llm.Tests.Support;

/// <summary>The text files of the source tree, as a fresh clone has them.</summary>
internal static class RepositoryFiles
{
    // What .gitignore lists.
    private static readonly string[] s_ignored =
        ["bin", "obj", ".git", ".vs", ".idea", "artifacts", "BenchmarkDotNet.Artifacts", "TestResults", "__pycache__"];

    /// <summary>The folder of Edge.Llm.sln.</summary>
    public static string Root([CallerFilePath] string thisFile = "") => Path.GetFullPath(Path.Combine(thisFile, "..", "..", ".."));

    /// <summary>Paths relative to the root, with forward slashes, and the texts of the files.</summary>
    public static IEnumerable<(string Path, string Text)> All()
    {
        string root = Root();
        if (!File.Exists(Path.Combine(root, "Edge.Llm.sln"))) Assert.Inconclusive("the sources are not on this machine");
        return Under(new DirectoryInfo(root)).Select(path => (Path.GetRelativePath(root, path).Replace('\\', '/'), File.ReadAllText(path)));
    }

    /// <summary>Fails with what was found, a line each.</summary>
    public static void AssertNone(IEnumerable<string> found)
    {
        string lines = string.Join('\n', found);
        if (lines != "") Assert.Fail(lines);
    }

    private static IEnumerable<string> Under(DirectoryInfo folder)
    {
        foreach (FileSystemInfo entry in folder.EnumerateFileSystemInfos())
        {
            if (s_ignored.Contains(entry.Name) || entry.Name.StartsWith(".arm64-", StringComparison.Ordinal)) continue;
            if (entry is DirectoryInfo inner)
                foreach (string path in Under(inner)) yield return path;
            else if (IsText(entry.FullName))
                yield return entry.FullName;
        }
    }

    // As git decides it: no zero byte near the beginning.
    private static bool IsText(string path)
    {
        Span<byte> head = stackalloc byte[8000];
        using FileStream file = File.OpenRead(path);
        return !head[..file.Read(head)].Contains((byte)0);
    }
}
