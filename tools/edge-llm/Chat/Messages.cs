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
    public string? Next()
    {
        string? line;
        do line = input.ReadLine();
        while (line is not null && string.IsNullOrWhiteSpace(line));
        return line;
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
