using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Edge.Llm.Cli.Commands;
using Edge.Llm.Cli.Models;
using ParsedToken = System.CommandLine.Parsing.TokenType;

namespace Edge.Llm.Cli;

internal static class Program
{
    private static readonly string[] s_writeFilesOnly = ["imatrix", "merge", "convert"];

    private const int FileTooLarge = 25; // SIGXFSZ (ulimit -f): writing fails, as on a full disk, instead of ending the process

    private static int Main(string[] args)
    {
        if (OperatingSystem.IsWindows()) Console.OutputEncoding = System.Text.Encoding.UTF8;
        ErrorStream.Install();
        using PosixSignalRegistration? tooLarge = OperatingSystem.IsWindows() ? null
            : PosixSignalRegistration.Create((PosixSignal)FileTooLarge, signal => signal.Cancel = true);
        try
        {
            ParseResult parsed = MakeRoot().Parse(LlamaCppOptions.Complete(ConfigFile.Expand(args)), new ParserConfiguration
            {
                EnablePosixBundling = false,      // -ngl is one option, not -n, -g and -l
                ResponseFileTokenReplacer = null, // a prompt may begin with @
            });
            if (UsageError(parsed) is { } message) throw new UsageException(message);
            if (!s_writeFilesOnly.Contains(parsed.CommandResult.Command.Name)) StandardStreams.NeedOutput(); // before anything is computed for it
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
            RunCommand.Make(), ChatCommand.Make(), TokenizeCommand.Make(), DetokenizeCommand.Make(), LogitsCommand.Make(), EmbedCommand.Make(),
            RerankCommand.Make(), BenchCommand.Make(),
            InspectCommand.Make(), VerifyCommand.Make(), KernelsCommand.Make(), DevicesCommand.Make(), PlanCommand.Make(),
            QuantizeCommand.Make(), PerplexityCommand.Make(), ImatrixCommand.Make(), SplitCommand.Make(), MergeCommand.Make(), ConvertCommand.Make(),
            PullCommand.Make(), ListCommand.Make(), RemoveCommand.Make(), ModelFolder.Option,
        };
#if SERVER
        root.Add(ServeCommand.Make());
#endif
        foreach (Option option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction help } helpOption) helpOption.Action = new HelpWithExamples(help);
            if (option is VersionOption versionOption) versionOption.Action = new ShowVersion();
        }
        return root;
    }

    /// <summary>What is wrong with the command line, or null.</summary>
    private static string? UsageError(ParseResult parsed)
    {
        if (parsed.Action is HelpWithExamples or ShowVersion) return null;
        string see = $"(see edge-llm {Path(parsed)}--help)";
        if (parsed.CommandResult.Command is RootCommand)
            return parsed.UnmatchedTokens is not [var name, ..] ? $"no command given {see}"
                : name.StartsWith('-') ? $"expected a command before '{name}' {see}" : $"unknown command '{name}' {see}";
        // An unknown flag would be taken for a value of a positional argument.
        if (UnknownOption(parsed) is { } option) return $"unknown option '{option}' {see}; after -- such a text is an argument";
        if (parsed.UnmatchedTokens is [var unexpected, ..]) return $"unexpected argument '{unexpected}' {see}";
        return parsed.Errors is [var error, ..] ? $"{error.Message.TrimEnd('.')} {see}" : null;
    }

    private static string? UnknownOption(ParseResult parsed)
    {
        List<string> positional = [.. parsed.UnmatchedTokens];
        foreach (SymbolResult child in parsed.CommandResult.Children)
        {
            if (child is ArgumentResult argument) positional.AddRange(argument.Tokens.Select(token => token.Value));
            // An option of several values takes an unknown flag for one more.
            if (child is OptionResult { Option.AllowMultipleArgumentsPerToken: true } option) positional.AddRange(option.Tokens.Select(token => token.Value));
        }
        IEnumerable<string> beforeDoubleDash = parsed.Tokens.TakeWhile(token => token.Type != ParsedToken.DoubleDash).Select(token => token.Value);
        return positional.Intersect(beforeDoubleDash).FirstOrDefault(text => text.Length > 1 && text[0] == '-');
    }

    private static string Path(ParseResult parsed) => parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";
}
