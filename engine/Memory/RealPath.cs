namespace Edge.Llm.Memory;

/// <summary>The one name of a file that has several because of symbolic links.</summary>
internal static class RealPath
{
    private const int MaxLinks = 40; // as many as Linux follows

    /// <summary>The full path with every link in it followed, those of its folders too. What does not exist, or may not be read, stays as it
    /// is.</summary>
    public static string Of(string path)
    {
        int links = 0;
        return Follow(Path.GetFullPath(path), ref links);
    }

    private static string Follow(string path, ref int links)
    {
        if (Path.GetDirectoryName(path) is not { } folder) return path;
        string here = Path.Combine(Follow(folder, ref links), Path.GetFileName(path));
        return Target(here) is { } target && ++links <= MaxLinks ? Follow(Path.GetFullPath(target), ref links) : here;
    }

    private static string? Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false)?.FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
