namespace Edge.Llm.Cli;

/// <summary>Options from a file: a line each, <c>name = value</c> or a name alone, as on the command line without the hyphens. # begins a comment.</summary>
internal static class ConfigFile
{
    private const string Option = "--config";

    /// <summary>The command line with the file's options before its own, which count more.</summary>
    /// <exception cref="UsageException">The file cannot be read, or a line is no option.</exception>
    public static string[] Expand(string[] args)
    {
        int command = Array.IndexOf(args, "serve"), at = Array.FindIndex(args, arg => arg == Option || arg.StartsWith(Option + "=", StringComparison.Ordinal));
        if (command < 0 || at < command) return args;
        bool isJoined = args[at].Length > Option.Length;
        if (!isJoined && at + 1 == args.Length) throw new UsageException($"{Option}: expected a file");
        string file = isJoined ? args[at][(Option.Length + 1)..] : args[at + 1];
        return [.. args[..(command + 1)], .. Options(file), .. args[(command + 1)..at], .. args[(at + (isJoined ? 1 : 2))..]];
    }

    private static IEnumerable<string> Options(string file)
    {
        int number = 0;
        foreach (string line in System.Text.Encoding.UTF8.GetString(Input.ReadFile(file)).TrimStart('\uFEFF').Split('\n', StringSplitOptions.TrimEntries))
        {
            number++;
            if (line.Length == 0 || line[0] == '#') continue;
            int equals = line.IndexOf('=');
            string name = (equals < 0 ? line : line[..equals]).Trim();
            if (name.Length == 0 || name[0] == '-' || name.Contains(' ')) throw new UsageException($"{file}:{number}: expected 'name = value', found '{line}'");
            yield return "--" + name;
            if (equals >= 0) yield return line[(equals + 1)..].Trim();
        }
    }
}
