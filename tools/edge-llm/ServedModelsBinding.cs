using System.CommandLine;
using Edge.Llm.Cli.Chat;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Serve.Models;

namespace Edge.Llm.Cli;

/// <summary>The models that a server offers, and how they are opened.</summary>
internal sealed class ServedModelsBinding
{
    private readonly Option<string[]> _models = new("--model", "-m")
    {
        Description = "A GGUF file or a pulled model, and what clients call it; may be repeated. The first one answers requests that name none. "
            + "Without it the environment variable EDGE_LLM_MODEL names it, or it is all pulled models and the small built-in one.",
        HelpName = "[NAME=]MODEL",
    };

    private readonly Option<string?> _alias = Opt.Text("--alias", ["-a"], "What clients call the first model.", "NAME");
    private readonly Option<string?> _template = Opt.Text("--chat-template", [], "A Jinja text, @FILE, or the name of a template, for all models.", "TEMPLATE");
    private readonly ModelOptionsBinding _options = new();
    private readonly DraftOptionsBinding _drafts = new();
    private readonly PromptCacheBinding _promptCache = new();

    public ServedModelsBinding AddTo(Command command)
    {
        command.Add(_models);
        command.Add(_alias);
        command.Add(_template);
        _options.AddTo(command, withModel: false);
        _drafts.AddTo(command);
        _promptCache.AddTo(command);
        return this;
    }

    /// <summary>The models; none is opened yet.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="parallel">Requests that each answers at a time.</param>
    /// <param name="say">Is told, a line at a time, what there is to know of models that are opened.</param>
    public IReadOnlyList<ModelSource> Get(ParseResult parsed, int parallel, Action<string> say)
    {
        _options.Say = say;
        var sources = new List<ModelSource>();
        foreach ((string given, string file) in Files(parsed))
        {
            string name = given;
            if (sources.Count == 0 && parsed.GetValue(_alias) is { } alias) name = alias;
            if (sources.Exists(source => source.Name == name)) throw new UsageException($"--model: two models are called '{name}': give NAME=FILE");
            sources.Add(new ModelSource(name, file, () => Open(parsed, name, file, parallel)));
        }
        return sources;
    }

    private LoadedModel Open(ParseResult parsed, string name, string file, int parallel)
    {
        LanguageModel model = _options.Open(parsed, file);
        LanguageModel? draft = null;
        try
        {
            draft = _drafts.Open(parsed, _options);
            ContextOptions options = _drafts.Context(parsed, _promptCache.Context(parsed, _options.Context(parsed, model))) with { MaxSequences = parallel };
            (ChatTemplate? template, string[] stop) = !model.HasLogits ? (null, []) : ChatTemplates.Choose(parsed.GetValue(_template), model, model.Tokenizer);
            return new LoadedModel(name, model, options, template, stop, options.Adapters, draft);
        }
        catch
        {
            draft?.Dispose();
            model.Dispose();
            throw;
        }
    }

    private IEnumerable<(string Name, string File)> Files(ParseResult parsed)
    {
        if (parsed.GetValue(_models) is { Length: > 0 } models) return models.Select(model => Split(parsed, model));
        if (Environment.GetEnvironmentVariable(DefaultModel.Variable) is { Length: > 0 } model) return [Split(parsed, model)];
        (string, string)[] pulled = [.. ModelFolder.Of(parsed).All().Select(stored => (stored.Name, stored.Path))];
        return pulled.Length == 0 ? [Split(parsed, DefaultModel.Find())] : DefaultModel.BuiltIn(AppContext.BaseDirectory) is { } small ? [.. pulled, Split(parsed, small)] : pulled;
    }

    private static (string Name, string File) Split(ParseResult parsed, string text)
    {
        int equals = File.Exists(text) ? -1 : text.IndexOf('=');
        string model = text[(equals + 1)..], file = ModelFolder.Resolve(parsed, model);
        return (equals > 0 ? text[..equals] : file == model ? ModelName.Of(file) : model, file);
    }
}
