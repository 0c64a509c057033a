using System.IO.Hashing;
using Edge.Llm.Adapters;
using Edge.Llm.Gguf;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <summary>A LoRA adapter: a file of small matrices whose products are added to those of a model. It is loaded once for a model and applied
/// to any number of texts, each with a scale of its own. When it is disposed of while a forward pass uses it, its file is closed as soon as
/// that has ended; texts that name it then fail with InvalidArgument.</summary>
public sealed class LoraAdapter : IDisposable
{
    private readonly GgufFile _file, _model;
    private readonly Dictionary<string, LoraPair> _pairs;
    private readonly Gate _gate;
    private readonly Lazy<ulong> _fingerprint;
    private readonly Action<LoraAdapter> _disposed;

    // The file is its own from now on.
    internal LoraAdapter(GgufFile file, GgufFile model, LoraFile read, Action<LoraAdapter> disposed)
    {
        (_file, _model, _pairs, _disposed) = (file, model, read.Pairs, disposed);
        (Alpha, Widths) = (read.Alpha, read.Widths);
        TaskName = file.Metadata.GetString("adapter.lora.task_name", "");
        PromptPrefix = file.Metadata.GetString("adapter.lora.prompt_prefix", "");
        FileBytes = file.FileBytes;
        _gate = new Gate(this, int.MaxValue, "", file.Dispose);
        _fingerprint = new Lazy<ulong>(ReadFingerprint);
    }

    /// <summary>Its file.</summary>
    public string Path => _file.Path;

    /// <summary>The keys and values of its file.</summary>
    public GgufMetadata Metadata => _file.Metadata;

    /// <summary>adapter.lora.alpha: what it adds has the factor alpha / rank; with 0 the factor is 1.</summary>
    public float Alpha { get; }

    /// <summary>The largest rank of its matrices.</summary>
    public int Rank => Widths.Rank;

    /// <summary>Tensors of the model that it adds to.</summary>
    public int TensorCount => _pairs.Count;

    /// <summary>Size of its file.</summary>
    public long FileBytes { get; }

    /// <summary>What it was trained for (adapter.lora.task_name), or an empty text.</summary>
    public string TaskName { get; }

    /// <summary>What its prompts begin with (adapter.lora.prompt_prefix), or an empty text. Nothing adds it to a prompt.</summary>
    public string PromptPrefix { get; }

    /// <summary>The room that its products need.</summary>
    internal AdapterWidths Widths { get; }

    /// <summary>Tells its matrices from those of others.</summary>
    internal ulong Fingerprint => _fingerprint.Value;

    /// <summary>Whether <see cref="Dispose"/> was called.</summary>
    internal bool IsDisposed => _gate.IsClosed;

    /// <summary>Whether it was loaded for this model.</summary>
    internal bool IsOf(GgufFile model) => _model == model;

    /// <summary>What it adds to a tensor, or null.</summary>
    internal LoraPair? Find(string tensor) => _pairs.GetValueOrDefault(tensor);

    /// <summary>Whether it adds to products with a tensor.</summary>
    internal bool Changes(string tensor) => Find(tensor) is { IsTable: false };

    /// <summary>Begins a use of its matrices, until <see cref="Leave"/>.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: it is disposed of, or its file changed its size; the fault of the texts that name it.</exception>
    internal void Enter()
    {
        try
        {
            _gate.Enter();
        }
        catch (ObjectDisposedException)
        {
            throw Disposed();
        }
        try
        {
            _file.CheckUnchanged();
        }
        catch (EdgeLlmException e)
        {
            _gate.Leave();
            throw new EdgeLlmException(ErrorCode.InvalidArgument, e.Message, e);
        }
    }

    /// <summary>Ends that.</summary>
    internal void Leave() => _gate.Leave();

    /// <summary>The error of a text that names it after its end.</summary>
    internal EdgeLlmException Disposed() => new(ErrorCode.InvalidArgument, $"{Path}: the adapter was disposed of");

    /// <summary>Closes its file, once what reads it at this moment has ended.</summary>
    public void Dispose()
    {
        _gate.Close();
        _disposed(this);
    }

    private ulong ReadFingerprint()
    {
        Enter();
        try
        {
            var hash = new XxHash3();
            FileFingerprint.Append(hash, _file, "adapter.");
            return hash.GetCurrentHashAsUInt64();
        }
        finally
        {
            Leave();
        }
    }
}
