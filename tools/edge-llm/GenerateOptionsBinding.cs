using System.CommandLine;
using System.Diagnostics.CodeAnalysis;

namespace Edge.Llm.Cli;

/// <summary>The options of commands that generate: how much, and how tokens are chosen.</summary>
internal sealed class GenerateOptionsBinding(int defaultTokens)
{
    private readonly Option<int> _tokens = Opt.Integer("--n-predict", ["-n", "--predict"],
        "Tokens to generate at most; -1: until the context is full.", defaultTokens, -1);
    private readonly SamplingOptionsBinding _sampling = new();
    private readonly Option<bool> _ignoreEos = Opt.Flag("--ignore-eos", "Never end a text before its limit.");

    private readonly ContextShiftBinding _contextShift = new();
    private readonly GrammarBinding _grammar = new();

    private readonly Option<string[]> _stop = new("--stop", "-r", "--reverse-prompt")
    {
        Description = "End before this text; may be repeated.", HelpName = "TEXT",
    };

    private readonly Option<bool> _escape = Opt.Flag("--escape", "Read \\n, \\r, \\t, \\\\, \\' and \\\" in texts of the command line as escapes.", "-e");

    public GenerateOptionsBinding AddTo(Command command)
    {
        foreach (Option option in (Option[])[_tokens, .. _sampling.Options, _stop, _escape, _ignoreEos, .. _contextShift.Options]) command.Add(option);
        _grammar.AddTo(command);
        return this;
    }

    public GenerateOptions Get(ParseResult parsed) => new()
    {
        MaxTokens = parsed.GetValue(_tokens),
        Stop = [.. (parsed.GetValue(_stop) ?? []).Select(stop => Text(parsed, stop))],
        IgnoreEos = parsed.GetValue(_ignoreEos),
        ContextShift = _contextShift.Get(parsed),
        Grammar = _grammar.Get(parsed),
        Sampling = _sampling.Get(parsed, text => Text(parsed, text)),
    };

    /// <summary>A text of the command line, escapes replaced if asked for.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    public string? Text(ParseResult parsed, string? text) => text is not null && parsed.GetValue(_escape) ? Input.Unescape(text) : text;
}
