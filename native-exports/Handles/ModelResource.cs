using System.Runtime.CompilerServices;

namespace Edge.Llm.Native;

/// <summary>An open model with its tokenizer and template, read when first asked for, and its log.</summary>
internal sealed unsafe class ModelResource : Resource
{
    private readonly ModelOptionsData _options;

    private ModelResource(LanguageModel model, ModelOptionsData options)
    {
        Model = model;
        _options = options;
    }

    public override string Kind => "model";

    /// <summary>The engine's model.</summary>
    public LanguageModel Model { get; }

    /// <summary>Its tokenizer.</summary>
    /// <exception cref="EdgeLlmException">Unsupported, InvalidFile.</exception>
    public Tokenizer Tokenizer => Model.Tokenizer;

    /// <summary>Its chat template.</summary>
    /// <exception cref="EdgeLlmException">Unsupported: it has none; InvalidArgument.</exception>
    public ChatTemplate Template => Model.ChatTemplate;

    /// <summary>The vocabulary, or null if there is none that is supported.</summary>
    public Vocabulary? TryVocabulary()
    {
        try
        {
            return Tokenizer.Vocabulary;
        }
        catch (EdgeLlmException)
        {
            return null;
        }
    }

    /// <summary>Opens a file.</summary>
    public static ModelResource Open(string path, ModelOptionsData options)
    {
        var self = new StrongBox<ModelResource?>();
        return Opened(LanguageModel.Open(path, Options(options, self)), options, self);
    }

    /// <summary>Opens bytes in memory: a copy of them, or, with a release callback, themselves.</summary>
    public static ModelResource Open(byte* data, long size, ModelOptionsData options)
    {
        Action release;
        if (options.Release is null)
        {
            var copy = new AlignedBuffer(size);
            Buffer.MemoryCopy(data, copy.Data, size, size);
            data = copy.Data;
            release = copy.Dispose;
        }
        else
        {
            byte* borrowed = data;
            release = () => Callbacks.Release(options.Release, options.ReleaseUser, borrowed, (nuint)size);
        }
        var self = new StrongBox<ModelResource?>();
        return Opened(LanguageModel.Open(data, size, release, Options(options, self)), options, self);
    }

    /// <summary>Held while a line of a plug-in or about one is written.</summary>
    public object LogGate { get; } = new();

    /// <summary>Tells the log, if there is one and it wants so much.</summary>
    public void Log(LogLevel level, string message) => Log(_options, level, message);

    /// <summary>Layers that a context of default options gives to devices.</summary>
    public int GpuLayers { get; private set; }

    private static void Log(ModelOptionsData options, LogLevel level, string message)
    {
        if (options.Log is null || (int)level > options.LogLevel) return;
        var text = new Utf8Text();
        text.Set(message);
        Callbacks.Log(options.Log, options.LogUser, (int)level, text.Data, text.Length);
        GC.KeepAlive(text);
    }

    protected override void Free()
    {
        Log(LogLevel.Debug, "the model is closed");
        PluginLog.Remove(this);
        Model.Dispose();
    }

    // The model is in the box when it is open. A device may be lost on a thread that outlives it.
    private static ModelOptions Options(ModelOptionsData options, StrongBox<ModelResource?> self) => new()
    {
        Offload = OptionReaders.Offload(options, report =>
        {
            foreach (string line in report.Lines()) Log(options, report.Note is null ? LogLevel.Info : LogLevel.Warning, line);
        }, line =>
        {
            if (self.Value is { } model) PluginLog.Tell(model, LogLevel.Warning, line);
        }),
        UseMmap = Pointers.Flag(options.UseMmap, "use_mmap"),
        Lock = Pointers.Flag(options.UseMlock, "use_mlock"),
        RopeFreqBase = options.RopeFreqBase == 0 ? null : options.RopeFreqBase,
        RopeFreqScale = options.RopeFreqScale == 0 ? null : options.RopeFreqScale,
        Overrides = OptionReaders.Overrides(options),
    };

    private static ModelResource Opened(LanguageModel model, ModelOptionsData options, StrongBox<ModelResource?> self)
    {
        var resource = new ModelResource(model, options);
        self.Value = resource;
        resource.PlanLayers();
        resource.Log(LogLevel.Info, $"{model.File.Path}: {model.Architecture}, {model.File.FileBytes} bytes in {model.File.PartCount} file(s)");
        if (model.File.LockWarning is { } warning) resource.Log(LogLevel.Warning, warning);
        if (EngineInfo.ScalarReason is { } reason) resource.Log(LogLevel.Warning, $"scalar kernels, which are slow: {reason}");
        return resource;
    }

    private void PlanLayers()
    {
        if (_options.GpuLayers == 0) return;
        PluginLog.Add(this);
        try
        {
            GpuLayers = Model.PlanOffload().Layers;
        }
        catch
        {
            PluginLog.Remove(this);
            Model.Dispose();
            throw;
        }
    }
}

/// <summary>edge_llm_log_level.</summary>
internal enum LogLevel
{
    Error = 1,
    Warning = 2,
    Info = 3,
    Debug = 4,
}
