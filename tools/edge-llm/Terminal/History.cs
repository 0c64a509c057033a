using System.Text;

namespace Edge.Llm.Cli.Terminal;

/// <summary>Texts entered before, oldest first; kept in a file that only its owner can read, or in memory alone.</summary>
internal sealed class History
{
    public const int MaxEntries = 1000;
    private readonly string? _path;
    private readonly List<string> _entries = [];

    /// <summary>Reads the file, if there is one. A file that cannot be read is as good as none.</summary>
    public History(string? path)
    {
        _path = path;
        if (path is null || !File.Exists(path)) return;
        try
        {
            string[] lines = File.ReadAllLines(path);
            foreach (string line in lines.TakeLast(MaxEntries)) _entries.Add(Unescape(line));
            if (lines.Length > 2 * MaxEntries) WriteAll();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _path = null;
        }
    }

    public IReadOnlyList<string> Entries => _entries;

    /// <summary>$XDG_STATE_HOME/edge-llm/chat_history, by default in ~/.local/state; on Windows in the local application data. Null: no such
    /// folder is known.</summary>
    public static string? DefaultPath()
    {
        string? state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        if (OperatingSystem.IsWindows()) state = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        else if (string.IsNullOrEmpty(state) || !Path.IsPathRooted(state)) // the specification says to ignore relative paths
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            state = home.Length == 0 ? null : Path.Combine(home, ".local", "state");
        }
        return string.IsNullOrEmpty(state) ? null : Path.Combine(state, "edge-llm", "chat_history");
    }

    /// <summary>Adds a text, unless it is blank or the last one again, to the list and to the end of the file.</summary>
    public void Add(string text)
    {
        if (string.IsNullOrWhiteSpace(text) || (_entries.Count > 0 && _entries[^1] == text)) return;
        _entries.Add(text);
        if (_entries.Count > MaxEntries) _entries.RemoveAt(0);
        if (_path is null) return;
        try
        {
            Write(FileMode.Append, [text]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A chat goes on without a history.
        }
    }

    private void WriteAll() => Write(FileMode.Create, _entries);

    private void Write(FileMode mode, IEnumerable<string> texts)
    {
        string folder = Path.GetDirectoryName(_path)!;
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using var stream = new FileStream(_path!, options);
        stream.Write(Encoding.UTF8.GetBytes(string.Concat(texts.Select(text => Escape(text) + "\n"))));
    }

    // An entry is one line of the file.
    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)
            .Replace("\r", "\\r", StringComparison.Ordinal);

    private static string Unescape(string line)
    {
        var text = new StringBuilder(line.Length);
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] != '\\' || i + 1 == line.Length) text.Append(line[i]);
            else text.Append(line[++i] switch { 'n' => '\n', 'r' => '\r', var other => other });
        }
        return text.ToString();
    }
}
