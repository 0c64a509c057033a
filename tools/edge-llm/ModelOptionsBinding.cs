using System.CommandLine;
using Edge.Llm.Cli.Devices;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli;

/// <summary>The options of every command that runs a model: which file, how it is opened, what its context is made for.</summary>
internal sealed class ModelOptionsBinding
{
    private static readonly (string, KvType)[] s_kvTypes = [.. Enum.GetValues<KvType>().Select(type => (type.ToString().ToLowerInvariant(), type))];

    private readonly Option<string?> _model = ModelFile();
    private readonly Option<bool> _noMmap = Opt.Flag("--no-mmap", "Read the file into memory instead of mapping it.");
    private readonly Option<bool> _mlock = Opt.Flag("--mlock", "Lock the file's bytes in physical memory.");
    private readonly Option<float> _ropeFreqBase = Opt.Number("--rope-freq-base", [], "Base of the rotary frequencies; 0: the file's.", 0, 0);
    private readonly Option<float> _ropeFreqScale = Opt.Number("--rope-freq-scale", [], "Factor on positions; 0: the file's.", 0, 0);
    private readonly Option<string[]> _overrides = OverrideOption.Make();
    private readonly AdapterOptionsBinding _adapters = new();
    private readonly OffloadBinding _offload = new();
    private readonly Option<int> _threads = Opt.Integer("--threads", ["-t"], "Threads; 0: one a physical core.", 0, -1, 1024);
    private readonly Option<int> _batch = Opt.Integer("--batch-size", ["-b"], "Tokens in one forward pass.", 512, 1, 65536);
    private readonly Option<int> _microBatch = Opt.Integer("--ubatch-size", ["-ub"],
        "The same, as llama.cpp has it beside -b: the smaller one counts.", null, 1, 65536);
    private readonly Option _flashAttention = LlamaCppOptions.FlashAttention();
    private readonly Option<KvType> _typeK = Opt.Choice("--type-k", ["-ctk", "--cache-type-k"], "Type of the cached keys.", KvType.F16, s_kvTypes);
    private readonly Option<KvType> _typeV = Opt.Choice("--type-v", ["-ctv", "--cache-type-v"], "Type of the cached values.", KvType.F16, s_kvTypes);

    private readonly Option<int> _context = Opt.Integer("--ctx-size", ["-c"],
        $"Tokens of context; 0: the model's own. By default that, but {ContextOptions.DefaultContextSize} at most.", null, 0, 1 << 30);

    /// <summary>The option for the model file, for commands that need nothing else of a model.</summary>
    public static Option<string?> ModelFile() =>
        Opt.Text("--model", ["-m"], "The GGUF file, of a split model any part; or the name of a pulled model. Without it the environment "
            + "variable EDGE_LLM_MODEL names it, or it is the small built-in model.", "MODEL");

    /// <summary>The tokenizer of a file, which is closed again.</summary>
    public static Tokenizer OpenTokenizer(ParseResult parsed, string? model, IReadOnlyList<MetadataOverride> overrides)
    {
        using GgufFile file = GgufFile.Open(ModelFolder.Resolve(parsed, model ?? DefaultModel.Find()), new GgufOpenOptions { Overrides = overrides });
        return Tokenizer.FromGguf(file.Metadata);
    }

    public ModelOptionsBinding AddTo(Command command, bool withContextSize = true, bool withModel = true)
    {
        if (withModel) command.Add(_model);
        command.Add(_threads);
        if (withContextSize) command.Add(_context);
        foreach (Option option in (Option[])[_batch, _microBatch, _flashAttention, _typeK, _typeV, _noMmap, _mlock, _ropeFreqBase, _ropeFreqScale, _overrides])
            command.Add(option);
        _offload.AddTo(command);
        _adapters.AddTo(command);
        return this;
    }

    /// <summary>Is told, a line at a time, what there is to know of a model that is opened; by default standard error is.</summary>
    public Action<string> Say { get; set; } = line => Console.Error.WriteLine("edge-llm: " + line);

    /// <summary>Opens the model, with a sign of life on the terminal when that takes long.</summary>
    public LanguageModel Open(ParseResult parsed) => Open(parsed, parsed.GetValue(_model) ?? DefaultModel.Find());

    /// <summary>Opens another model, a file or a name, with the same options.</summary>
    public LanguageModel Open(ParseResult parsed, string path)
    {
        using var progress = new Progress("loading", reports: false);
        var model = LanguageModel.Open(ModelFolder.Resolve(parsed, path), Model(parsed) with { Offload = _offload.Get(parsed, Say) });
        progress.Dispose();
        if (EngineInfo.ScalarReason is { } reason) Say($"scalar kernels, which are slow: {reason}");
        if (model.File.LockWarning is { } warning) Say(Failure.OneLine(warning));
        return model;
    }

    /// <summary>How the model is opened, but for layers on devices: plug-ins are tried only for the model that runs.</summary>
    public ModelOptions Model(ParseResult parsed)
    {
        float freqBase = parsed.GetValue(_ropeFreqBase), freqScale = parsed.GetValue(_ropeFreqScale);
        return new ModelOptions
        {
            UseMmap = !parsed.GetValue(_noMmap), Lock = parsed.GetValue(_mlock), Overrides = OverrideOption.Get(parsed, _overrides),
            RopeFreqBase = freqBase == 0 ? null : freqBase, RopeFreqScale = freqScale == 0 ? null : freqScale,
        };
    }

    /// <summary>What the context is made for, its size filled in. The adapters are loaded.</summary>
    public ContextOptions Context(ParseResult parsed, LanguageModel model)
    {
        ContextOptions options = Context(parsed) with { Adapters = _adapters.Load(parsed, model) };
        if (parsed.GetResult(_context) is not null) options = options with { ContextSize = parsed.GetValue(_context) };
        return options with { ContextSize = options.ContextSizeFor(model.ContextLength) };
    }

    private ContextOptions Context(ParseResult parsed) => new()
    {
        Threads = Math.Max(parsed.GetValue(_threads), 0), // llama.cpp's -1 is our 0
        BatchSize = parsed.GetResult(_microBatch) is null ? parsed.GetValue(_batch) : Math.Min(parsed.GetValue(_batch), parsed.GetValue(_microBatch)),
        TypeK = parsed.GetValue(_typeK), TypeV = parsed.GetValue(_typeV),
    };
}
