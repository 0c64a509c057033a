using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Edge.Llm.Cli;

/// <summary>A command whose help ends with examples.</summary>
internal sealed class CommandWithExamples(string name, string description, params string[] examples) : Command(name, description)
{
    public IReadOnlyList<string> Examples => examples;

    /// <summary>What else the help tells; empty: nothing.</summary>
    public string Notes { get; init; } = "";
}

/// <summary>The parser's own help, and then the command's examples.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int status = help.Invoke(parseResult);
        if (parseResult.CommandResult.Command is CommandWithExamples { Examples.Count: > 0 } command)
        {
            TextWriter output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (string example in command.Examples) output.WriteLine($"  edge-llm {command.Name} {example}");
            output.WriteLine();
            if (command.Notes.Length > 0) output.WriteLine(command.Notes + "\n");
        }
        return status;
    }
}

/// <summary>The engine's version; the libraries report the same.</summary>
internal sealed class ShowVersion : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.WriteLine($"edge-llm {EngineVersion.Text}");
        return Failure.Ok;
    }
}
