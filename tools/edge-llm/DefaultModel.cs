namespace Edge.Llm.Cli;

/// <summary>Which model to take when the command line names none.</summary>
internal static class DefaultModel
{
    public const string Variable = "EDGE_LLM_MODEL", FileName = "edge-llm-small.gguf";

    /// <summary>The file of EDGE_LLM_MODEL, or the small model beside the executable, which is announced on standard error.</summary>
    /// <exception cref="UsageException">There is neither.</exception>
    public static string Find() => Find(AppContext.BaseDirectory, Environment.GetEnvironmentVariable(Variable), Console.Error);

    public static string Find(string folder, string? fromEnvironment, TextWriter notices)
    {
        if (!string.IsNullOrEmpty(fromEnvironment)) return fromEnvironment;
        string path = BuiltIn(folder)
            ?? throw new UsageException($"no model: give -m FILE, or set {Variable} (there is no models/{FileName} beside the program)");
        notices.WriteLine($"edge-llm: using the small built-in model ({FileName}); for a bigger one give -m FILE.gguf, or the name of a pulled model (edge-llm pull), or set {Variable}");
        return path;
    }

    /// <summary>The small model beside the executable, or null.</summary>
    public static string? BuiltIn(string folder)
    {
        string path = Path.Combine(folder, "models", FileName);
        return File.Exists(path) ? path : null;
    }
}
