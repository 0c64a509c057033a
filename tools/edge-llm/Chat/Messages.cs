using System.Text;
using Edge.Llm.Cli.Terminal;

namespace Edge.Llm.Cli.Chat;

/// <summary>Where a chat's messages come from; null is the end.</summary>
internal interface IMessages
{
    string? Next();
}

/// <summary>Each line is a message; blank ones are none.</summary>
internal sealed class PipedMessages(TextReader input) : IMessages
{
    private const int MaxLine = 1 << 24;
    private bool _afterReturn; // a newline that follows belongs to it

    /// <exception cref="UsageException">A line is longer than any context: it may never end.</exception>
    public string? Next()
    {
        string? line;
        do line = ReadLine();
        while (line is not null && string.IsNullOrWhiteSpace(line));
        return line;
    }

    private string? ReadLine()
    {
        var line = new StringBuilder();
        for (int c; (c = input.Read()) >= 0;)
        {
            bool ends = c is '\r' or '\n', ended = c == '\n' && _afterReturn;
            _afterReturn = c == '\r';
            if (ended) continue;
            if (ends) return line.ToString();
            if (line.Length == MaxLine) throw new UsageException($"standard input: expected lines of at most {MaxLine} characters, found a longer one");
            line.Append((char)c);
        }
        return line.Length > 0 ? line.ToString() : null;
    }
}

/// <summary>A person types, and the terminal's own line discipline is all the editing there is.</summary>
internal sealed class TypedMessages(TextReader input) : IMessages
{
    private readonly MessageLines _lines = new();

    public string? Next()
    {
        while (true)
        {
            Console.Error.Write(Prompt.For(_lines));
            if (input.ReadLine() is not { } line)
            {
                Console.Error.WriteLine();
                return null;
            }
            if (_lines.Add(line) is { } message && !string.IsNullOrWhiteSpace(message)) return message;
        }
    }
}

/// <summary>A person types, with line editing and a history.</summary>
internal sealed class EditedMessages(TerminalInput input, History history) : IMessages
{
    private readonly MessageLines _lines = new();

    public string? Next()
    {
        bool interrupted = false;
        while (true)
        {
            EditResult result = input.ReadLine(Prompt.For(_lines), out string line);
            if (result == EditResult.EndOfInput) return null;
            if (result == EditResult.Interrupt)
            {
                bool idle = line.Length == 0 && !_lines.Unfinished;
                if (idle && interrupted) return null;
                if (idle) Console.Error.WriteLine(AnswerInterrupts.EndNotice);
                interrupted = true;
                _lines.Clear();
                continue;
            }
            interrupted = false;
            if (_lines.Add(line) is not { } message || string.IsNullOrWhiteSpace(message)) continue;
            history.Add(message);
            return message;
        }
    }
}

internal static class Prompt
{
    public static string For(MessageLines lines) => lines.Unfinished ? ". " : "> ";
}
