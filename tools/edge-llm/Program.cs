using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Edge.Llm.Cli.Commands;

namespace Edge.Llm.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        if (OperatingSystem.IsWindows()) Console.OutputEncoding = System.Text.Encoding.UTF8;
        try
        {
            ParseResult parsed = MakeRoot().Parse(args, new ParserConfiguration
            {
                EnablePosixBundling = false,      // -ngl is one option, not -n, -g and -l
                ResponseFileTokenReplacer = null, // a prompt may begin with @
            });
            if (UsageError(parsed) is { } message) throw new UsageException(message);
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception e)
        {
            return Failure.Report(e);
        }
    }

    private static RootCommand MakeRoot()
    {
        var root = new RootCommand("Runs large language models from GGUF files on this machine's processor.")
        {
            RunCommand.Make(), ChatCommand.Make(), TokenizeCommand.Make(), DetokenizeCommand.Make(), LogitsCommand.Make(), BenchCommand.Make(),
            InspectCommand.Make(), VerifyCommand.Make(), KernelsCommand.Make(), PlanCommand.Make(),
        };
        foreach (Option option in root.Options)
            if (option is HelpOption { Action: HelpAction help } helpOption)
                helpOption.Action = new HelpWithExamples(help);
        return root;
    }

    /// <summary>What is wrong with the command line, or null.</summary>
    private static string? UsageError(ParseResult parsed)
    {
        string see = $"(see edge-llm {Path(parsed)}--help)";
        if (parsed.Action is ParseErrorAction)
            return $"{(parsed.CommandResult.Command is RootCommand && parsed.Tokens.Count == 0 ? "no command given" : parsed.Errors[0].Message)} {see}";
        // The parser takes an unknown flag for a value of a positional argument.
        foreach (SymbolResult child in parsed.CommandResult.Children)
            if (child is ArgumentResult argument)
                foreach (Token token in argument.Tokens)
                    if (token.Value.Length > 1 && token.Value[0] == '-' && !AfterDoubleDash(parsed, token))
                        return $"unknown option '{token.Value}' {see}; after -- such a text is an argument";
        return null;
    }

    private static string Path(ParseResult parsed) => parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";

    private static bool AfterDoubleDash(ParseResult parsed, Token token) =>
        parsed.Tokens.TakeWhile(other => !ReferenceEquals(other, token)).Any(other => other.Type == TokenType.DoubleDash);
}
