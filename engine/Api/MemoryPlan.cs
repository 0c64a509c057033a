namespace Edge.Llm;

/// <summary>The memory that a configuration takes, in bytes: known before anything of it is allocated.</summary>
/// <param name="Weights">The model's files, and those of the adapters that are loaded for it: mapped, so the system may drop and read them again, unless read into owned memory.</param>
/// <param name="KvCache">Keys and values when the cache is full; it grows up to this, a block of 64 positions at a time.</param>
/// <param name="Activations">What a forward pass works in, allocated with the context.</param>
public sealed record MemoryPlan(long Weights, long KvCache, long Activations)
{
    /// <summary>All of it.</summary>
    public long Total => Weights + KvCache + Activations;

    /// <summary>The memory of both.</summary>
    internal MemoryPlan And(MemoryPlan other) => new(Weights + other.Weights, KvCache + other.KvCache, Activations + other.Activations);

    /// <summary>The parts in words.</summary>
    public override string ToString() =>
        $"{Total} bytes: {Weights} of weights, {KvCache} of KV cache when full, {Activations} of activations";
}
