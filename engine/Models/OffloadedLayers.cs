using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The parts of a layer of a stage that stay the host's.</summary>
[Flags]
internal enum HostParts
{
    None = 0,

    /// <summary>Of the mixer, all between the products of queries, keys and values and that of the output.</summary>
    Mixer = 1,

    /// <summary>The feed-forward network.</summary>
    FeedForward = 2,
}

/// <summary>Consecutive layers that run elsewhere, and the output matrix behind the last ones.</summary>
internal interface IStage : IBlockStore, IDisposable
{
    /// <summary>Whether the last norm and the output matrix belong to it.</summary>
    bool HasOutput { get; }

    /// <summary>What was said when its device failed: it is of no use since then. Null: it works.</summary>
    string? Loss { get; }

    /// <inheritdoc/>
    bool IBlockStore.IsLost => Loss is not null;

    /// <summary>Runs a pass: y [rows, n_embd], or [rows, n_vocab], of those rows of x.</summary>
    /// <exception cref="EdgeLlmException">Cancelled, NonFinite, PluginError, OutOfMemory.</exception>
    void Forward(StagePass pass, FloatRows x, ReadOnlySpan<int> rows, FloatRows y);
}

/// <summary>What a stage needs to know of a pass.</summary>
internal abstract class StagePass
{
    /// <summary>The batch.</summary>
    public abstract BatchPlan Batch { get; }

    /// <summary>Cosines and sines of its positions.</summary>
    public abstract RopeTables Ropes { get; }

    /// <summary>Whether nobody needs it any more.</summary>
    public abstract bool IsCancelled { get; }

    /// <summary>Computes a part that is the host's; see <see cref="HostParts"/>.</summary>
    /// <exception cref="EdgeLlmException">PluginError: it is not, or has other rows. NonFinite.</exception>
    public abstract unsafe void Run(int layer, HostParts part, int rows, float* x, float* y);
}

/// <summary>The last layers of a model, in stages one after another.</summary>
/// <param name="FirstLayer">The first of them; the number of layers if it is only the output matrix.</param>
/// <param name="HasOutput">Whether logits come from the last stage.</param>
/// <param name="Stages">The stages.</param>
/// <param name="Parts">What of each of them is the host's.</param>
internal sealed record OffloadedLayers(int FirstLayer, bool HasOutput, IReadOnlyList<IStage> Stages, HostParts[] Parts) : IDisposable
{
    /// <summary>Rows that the stage with the output matrix gives at most besides those of logits: each takes room for the logits of a token.</summary>
    public const int HiddenRows = 64;

    /// <summary>Names of the model's tensors that they multiply with: adapters cannot change these.</summary>
    public required IReadOnlySet<string> Weights { get; init; }

    /// <summary>What was said when a device failed; null: all work.</summary>
    public string? Loss => Stages.Select(stage => stage.Loss).FirstOrDefault(loss => loss is not null);

    /// <summary>Frees what the devices have.</summary>
    public void Dispose()
    {
        foreach (IStage stage in Stages) stage.Dispose();
    }
}
