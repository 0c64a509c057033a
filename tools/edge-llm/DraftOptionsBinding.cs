using System.CommandLine;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli;

/// <summary>The options for tokens that are drafted ahead of an answer.</summary>
internal sealed class DraftOptionsBinding
{
    private readonly Option<string?> _model = Opt.Text("--draft-model", ["-md", "--model-draft"],
        "A smaller model with the same tokens, which drafts what the model checks: the text stays the same.", "MODEL");
    private readonly Option<bool> _lookup = Opt.Flag("--lookup", "Draft from what stood in the text before: the text stays the same.");
    private readonly Option<int> _most = Opt.Integer("--draft-max", ["--draft", "--draft-n"], "Tokens to draft for one pass at most.", 8, 0, 64);

    public void AddTo(Command command)
    {
        command.Add(_model);
        command.Add(_lookup);
        command.Add(_most);
    }

    /// <summary>The draft model, or null.</summary>
    public LanguageModel? Open(ParseResult parsed, ModelOptionsBinding options) =>
        parsed.GetValue(_model) is { } path && parsed.GetValue(_most) > 0 ? LanguageModel.Open(ModelFolder.Resolve(parsed, path), options.Model(parsed) with { Overrides = [] }) : null;

    /// <summary>Options of a context with those of its drafts.</summary>
    public ContextOptions Context(ParseResult parsed, ContextOptions options)
    {
        int most = parsed.GetValue(_most);
        return options with { Lookup = parsed.GetValue(_lookup) && most > 0, DraftTokens = most };
    }
}
