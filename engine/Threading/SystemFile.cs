namespace Edge.Llm.Threading;

/// <summary>Files in which the system tells about itself.</summary>
internal static class SystemFile
{
    /// <summary>The text, or an empty one where it cannot be read.</summary>
    public static string Text(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>Its lines that are not empty.</summary>
    public static string[] Lines(string path) => Text(path).Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
