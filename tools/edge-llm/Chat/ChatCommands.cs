using System.Globalization;

namespace Edge.Llm.Cli.Chat;

/// <summary>What a line that begins with a slash does.</summary>
internal sealed class ChatCommands(Conversation conversation, ChatTotals totals)
{
    private const string Help = """"
        /reset         forget the conversation, but for the system's message
        /regen         answer the last message again
        /system TEXT   set the system's message; without a text: show it
        /save FILE     write the messages as JSON
        /load FILE     go on with the messages of such a file
        /stats         tokens and times so far
        /exit          end (as Ctrl-D does)
        A line that ends with \ goes on in the next one. """ begins and ends a message of several lines; Alt-Enter breaks a line, too.
        Ctrl-C stops an answer. A message that begins with a slash: put a space before it.
        """";

    /// <summary>What comes next: the next message, an answer to this one or to the last one again, or the end.</summary>
    public enum Outcome { Done, Ask, Regenerate, Exit }

    /// <summary>Does what the line says; what there is to read goes to standard error.</summary>
    /// <exception cref="UsageException">There is no such command, or it lacks something.</exception>
    public Outcome Execute(string line)
    {
        string[] parts = line.Split((char[])[' ', '\t', '\n'], 2, StringSplitOptions.TrimEntries);
        string argument = parts.Length > 1 ? parts[1] : "";
        switch (parts[0])
        {
            case "/help" or "/?":
                Console.Error.WriteLine(Help);
                break;
            case "/reset":
                conversation.Reset();
                totals.Forget();
                Console.Error.WriteLine("the conversation starts over");
                break;
            case "/system":
                if (argument.Length > 0) conversation.System = argument;
                Console.Error.WriteLine(conversation.System is { } system ? $"the system's message: {system}" : "there is no message of the system");
                break;
            case "/save":
                ChatFile.Save(File(parts[0], argument), conversation.Messages);
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{conversation.Messages.Count} messages saved"));
                break;
            case "/load":
                conversation.Replace(ChatFile.Load(File(parts[0], argument)));
                totals.Forget();
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{conversation.Messages.Count} messages loaded"));
                break;
            case "/stats":
                totals.Write(conversation);
                break;
            case "/regen":
                return Outcome.Regenerate;
            case "/exit" or "/quit" or "/bye":
                return Outcome.Exit;
            default:
                throw new UsageException($"no command {parts[0]}; /help lists them (a message that begins with a slash: put a space before it)");
        }
        return Outcome.Done;
    }

    private static string File(string command, string argument) => argument.Length > 0 ? argument : throw new UsageException($"{command}: give a file");
}
