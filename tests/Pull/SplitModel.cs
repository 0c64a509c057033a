namespace Edge.Llm.Tests.Pull;

/// <summary>A model in two parts.</summary>
internal static class SplitModel
{
    /// <summary>Which of the parts a path names.</summary>
    public static int Number(string path) => path.Contains("-00001-", StringComparison.Ordinal) ? 0 : 1;

    public static byte[][] Parts()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        try
        {
            string path = Path.Combine(folder.FullName, "whole.gguf");
            File.WriteAllBytes(path, Support.SampleGguf.Bytes());
            using GgufFile file = GgufFile.Open(path);
            var splitter = new GgufSplitter(file);
            splitter.Plan(long.MaxValue, 3);
            return [.. Enumerable.Range(0, splitter.Parts.Count).Select(part =>
            {
                using var stream = new MemoryStream();
                splitter.WritePart(part, stream);
                return stream.ToArray();
            })];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
