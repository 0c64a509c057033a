using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>The numbers of latent attention: keys and values are made of one short vector, which alone is cached.</summary>
internal sealed record LatentConfig
{
    /// <summary>Heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Values of the latent vector (kv_lora_rank).</summary>
    public required int Rank { get; init; }

    /// <summary>Values of a head of queries and keys that do not rotate.</summary>
    public required int NopeLength { get; init; }

    /// <summary>Values of a head that rotate; those of the key are the same for all heads.</summary>
    public required int RopeLength { get; init; }

    /// <summary>Values in a head of values.</summary>
    public required int ValueLength { get; init; }

    /// <summary>Factor on the scores.</summary>
    public required float Scale { get; init; }

    /// <summary>Rotary embedding; null: none.</summary>
    public required RopeConfig? Rope { get; init; }

    /// <summary>Factor on the queries by their position; null: none.</summary>
    public Temperature? Temperature { get; init; }

    /// <summary>Values in a head of queries.</summary>
    public int QueryLength => NopeLength + RopeLength;
}

/// <summary>Latent attention (DeepSeek V2): its numbers and matrices.</summary>
/// <param name="Config">The numbers.</param>
/// <param name="QDown">Shortens the input of the queries' matrix; null: it reads the input itself.</param>
/// <param name="QNorm">Norm of what is shortened.</param>
/// <param name="Q">Queries.</param>
/// <param name="KvDown">The latent vector and the rotated part of the key.</param>
/// <param name="KvNorm">Norm of the latent vector.</param>
/// <param name="Kv">For a head: from the latent vector to what makes its keys and values.</param>
/// <param name="Output">The result.</param>
internal sealed record LatentSpec(
    LatentConfig Config, Linear? QDown, Norm? QNorm, Linear Q, Linear KvDown, Norm KvNorm, ILatentKv Kv, Linear Output) : IMixerSpec
{
    /// <summary>The packed forms of the products' input.</summary>
    public InputFormats Input => (QDown ?? Q).Input | KvDown.Input;

    /// <summary>The latent vector, or what is made of it.</summary>
    public LayerMemory Memory => new(Kv.Rows(Config));

    /// <summary>About 64 query rows share each pass over the cache.</summary>
    public int MaxRun => Math.Clamp(64 / (Config.HeadCount / Kv.Rows(Config).Heads), 8, 64);

    /// <summary>Makes what computes it.</summary>
    public IMixer Make(LayerMaking making) => new LatentAttention(this, making);
}

/// <summary>How heads come from the latent vector.</summary>
internal interface ILatentKv
{
    /// <summary>What is cached of a position.</summary>
    KvRows Rows(LatentConfig config);
}

/// <summary>A matrix for each head brings queries to the latent vector, and what attention finds there to values: keys and values are never
/// made.</summary>
internal sealed record AbsorbedKv(ExpertMatrices K, ExpertMatrices V) : ILatentKv
{
    public KvRows Rows(LatentConfig config) => new(1, config.Rank + config.RopeLength, config.Rank, ValuesInKeys: true);
}

/// <summary>One matrix makes all heads' keys and values of the latent vector, which are cached (old files).</summary>
internal sealed record ExpandedKv(Linear Kv) : ILatentKv
{
    public KvRows Rows(LatentConfig config) => new(config.HeadCount, config.QueryLength, config.ValueLength);
}
