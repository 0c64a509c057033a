using System.Text;

namespace Edge.Llm.Cli;

/// <summary>Bytes from a file or, for the name "-", from standard input.</summary>
internal static class Input
{
    /// <summary>Texts are held in memory, and some inputs never end.</summary>
    private const int MaxBytes = 256 << 20;

    public static byte[] ReadFile(string path)
    {
        if (path is "-" or "/dev/stdin" or "/dev/fd/0" or "/proc/self/fd/0") return ReadStandardInput();
        if (Directory.Exists(path)) throw new UsageException($"cannot read {path}: it is a directory");
        if (!File.Exists(path)) throw new UsageException($"cannot read {path}: no such file");
        try
        {
            using FileStream file = File.OpenRead(path);
            return ReadAll(file, path);
        }
        catch (UnauthorizedAccessException)
        {
            throw new UsageException($"cannot read {path}: permission denied");
        }
    }

    public static byte[] ReadStandardInput()
    {
        StandardStreams.NeedInput();
        using Stream input = Console.OpenStandardInput();
        return ReadAll(input, "standard input");
    }

    private static byte[] ReadAll(Stream input, string name)
    {
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = input.Read(buffer)) > 0;)
        {
            if (bytes.Length + read > MaxBytes) throw new UsageException($"{name}: expected at most {MaxBytes} bytes of text, found more");
            bytes.Write(buffer, 0, read);
        }
        return bytes.ToArray();
    }

    /// <summary>Without the newline that ends a text file's last line, as llama.cpp reads a prompt.</summary>
    public static byte[] TrimLastNewline(byte[] text) =>
        text is [.., (byte)'\r', (byte)'\n'] ? text[..^2] : text is [.., (byte)'\n'] ? text[..^1] : text;

    /// <summary>Replaces \n, \r, \t, \\, \' and \" by what they stand for; any other backslash stays.</summary>
    public static string Unescape(string text)
    {
        var result = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char next = text[i] == '\\' && i + 1 < text.Length ? text[i + 1] : '\0';
            char escaped = next switch { 'n' => '\n', 'r' => '\r', 't' => '\t', '\\' or '\'' or '"' => next, _ => '\0' };
            result.Append(escaped == '\0' ? text[i] : escaped);
            if (escaped != '\0') i++;
        }
        return result.ToString();
    }

    /// <summary>Token ids separated by commas or white space, in brackets or not.</summary>
    public static int[] ParseTokens(IEnumerable<string> texts)
    {
        var tokens = new List<int>();
        foreach (string text in texts)
            foreach (string item in text.Split([',', ' ', '\t', '\r', '\n', '[', ']'], StringSplitOptions.RemoveEmptyEntries))
            {
                if (!int.TryParse(item, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int token))
                    throw new UsageException($"token ids: expected non-negative integers, found '{item}'");
                tokens.Add(token);
            }
        return [.. tokens];
    }
}
