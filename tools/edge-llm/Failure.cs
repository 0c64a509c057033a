using System.Text;

namespace Edge.Llm.Cli;

/// <summary>Exit codes, and the one line that explains a failure.</summary>
internal static class Failure
{
    public const int Ok = 0, Engine = 1, Usage = 2, Interrupted = 130;
    private const int MaxLine = 2000; // a parser's message may quote half a file

    /// <summary>Prints one line, <c>edge-llm: ...</c>, and returns the exit code. EDGE_LLM_DEBUG=1 adds the stack trace.</summary>
    public static int Report(Exception error)
    {
        if (error is ClosedPipeException) return Ok; // the reader has seen enough (| head)
        string line = OneLine(Describe(error));
        Console.Error.WriteLine("edge-llm: " + (line.Length <= MaxLine ? line : line[..(MaxLine / 2)] + " ... " + line[^(MaxLine / 2)..]));
        if (Environment.GetEnvironmentVariable("EDGE_LLM_DEBUG") == "1") Console.Error.WriteLine(error);
        return ExitCode(error);
    }

    private static int ExitCode(Exception error) => error switch
    {
        UsageException or IOException or UnauthorizedAccessException => Usage,
        EdgeLlmException { Code: ErrorCode.Cancelled } => Interrupted,
        EdgeLlmException
        {
            Code: ErrorCode.InvalidFile or ErrorCode.Unsupported or ErrorCode.ContextFull or ErrorCode.InvalidArgument or ErrorCode.GrammarError
        } => Usage,
        _ => Engine,
    };

    private static string Describe(Exception error) => error switch
    {
        UsageException or EdgeLlmException or IOException or UnauthorizedAccessException or Pull.PullException => error.Message,
        OutOfMemoryException => "out of memory",
        _ => $"unexpected {error.GetType().Name}: {error.Message} (EDGE_LLM_DEBUG=1 shows where)",
    };

    /// <summary>Names in a hostile file must neither break the line nor steer the terminal.</summary>
    public static string OneLine(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (char c in text.ReplaceLineEndings(" ")) line.Append(char.IsControl(c) ? '?' : c);
        return line.ToString().TrimEnd();
    }
}
