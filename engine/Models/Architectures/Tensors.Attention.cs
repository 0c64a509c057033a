namespace Edge.Llm.Models.Architectures;

/// <summary>The norms of queries and keys that an architecture has.</summary>
internal enum QkNorm
{
    /// <summary>None.</summary>
    None,

    /// <summary>RMSNorm.</summary>
    Rms,

    /// <summary>RMSNorm, if the file has it.</summary>
    OptionalRms,

    /// <summary>LayerNorm.</summary>
    Layer,

    /// <summary>LayerNorm, if the file has it.</summary>
    OptionalLayer,

    /// <summary>RMSNorm of each head, without weights.</summary>
    Weightless,
}

/// <summary>The tensors of attention.</summary>
internal sealed unsafe partial class Tensors
{
    private readonly Dictionary<(string, int), float[]?> _factors = [];

    /// <summary>Attention with a matrix for q, k and v each, or one for all three, and an output matrix.
    /// With a gate in q, each head's rows of it stand behind the head's queries.</summary>
    public AttentionSpec Attention(int il, AttentionConfig config, QkNorm norm = QkNorm.None, bool gateInQ = false, bool valuesMayBeKeys = false)
    {
        int q = config.HeadCount * config.KeyLength, k = config.HeadCountKv * config.KeyLength, v = config.HeadCountKv * config.ValueLength;
        if (config.Rope is { Factors: null } rope) config = config with { Rope = WithFactors(rope) };
        (Linear queries, Linear keyRows, Linear? values) = Qkv($"blk.{il}.attn_", gateInQ ? 2 * q : q, k, v, valuesMayBeKeys);
        return new AttentionSpec(config, queries, keyRows, values, Linear($"blk.{il}.attn_output", config.HeadCount * config.ValueLength, _embd))
        {
            QNorm = HeadNorm(norm, $"blk.{il}.attn_q_norm", config.KeyLength, config.HeadCount),
            KNorm = HeadNorm(norm, $"blk.{il}.attn_k_norm", config.KeyLength, config.HeadCountKv),
        };
    }

    /// <summary>Attention that reads another layer's keys and values; its own, if the file has them, have no use.</summary>
    public AttentionSpec SharedAttention(int il, AttentionConfig config, int cacheOf)
    {
        string prefix = $"blk.{il}.attn_";
        foreach (string unused in (string[])["k.weight", "v.weight", "k_norm.weight"]) _bound.Add(prefix + unused);
        if (config.Rope is { Factors: null } rope) config = config with { Rope = WithFactors(rope) };
        return new AttentionSpec(
            config, Linear(prefix + "q", _embd, config.HeadCount * config.KeyLength), null, null, Linear(prefix + "output", config.HeadCount * config.ValueLength, _embd))
        {
            CacheOf = cacheOf, QNorm = HeadNorm(QkNorm.Rms, prefix + "q_norm", config.KeyLength, config.HeadCount),
        };
    }

    /// <summary>A score for each head that joins the sum, if the layer has them.</summary>
    public Tensor? Sinks(int il, AttentionConfig config) => OptionalVector($"blk.{il}.attn_sinks.weight", config.HeadCount);

    /// <summary>A factor for each value that attention computes, or for each head.</summary>
    public Linear AttentionGate(int il, AttentionConfig config)
    {
        string name = $"blk.{il}.attn_gate";
        return Linear(name, _embd, file.GetTensor(name + ".weight").Ne1 == config.HeadCount ? config.HeadCount : config.HeadCount * config.ValueLength);
    }

    /// <summary>A rotary embedding with the divisors of the pairs' frequencies that the file has: rope_freqs, or long and short ones.</summary>
    public RopeConfig WithFactors(RopeConfig rope)
    {
        int pairs = rope.Dimensions / 2;
        if (Factors("rope_freqs", pairs) is { } factors) return rope with { Factors = factors };
        float[]? brief = Factors("rope_factors_short", pairs), extended = Factors("rope_factors_long", pairs);
        return rope with { Factors = brief ?? [], LongFactors = extended };
    }

    /// <summary>Latent attention, with a matrix for each head or one for all of their keys and values.</summary>
    public LatentSpec LatentAttention(int il, LatentConfig config)
    {
        string prefix = $"blk.{il}.attn_";
        int q = config.HeadCount * config.QueryLength, heads = config.HeadCount, rank = config.Rank;
        Linear? down = null;
        Norm? norm = null;
        if (Has(prefix + "q_a.weight"))
        {
            int width = keys.Count("attention.q_lora_rank", 1 << 16);
            (down, norm) = (Linear(prefix + "q_a", _embd, width), Norm(NormKind.Rms, prefix + "q_a_norm", width));
        }
        ILatentKv kv = Has(prefix + "k_b.weight")
            ? new AbsorbedKv(ExpertMatrices(prefix + "k_b", config.NopeLength, rank, heads), ExpertMatrices(prefix + "v_b", rank, config.ValueLength, heads))
            : new ExpandedKv(Linear(prefix + "kv_b", rank, (long)heads * (config.NopeLength + config.ValueLength)));
        return new LatentSpec(
            config, down, norm, down is null ? Linear(prefix + "q", _embd, q) : Linear(prefix + "q_b", down.OutputLength, q),
            Linear(prefix + "kv_a_mqa", _embd, rank + config.RopeLength), Norm(NormKind.Rms, prefix + "kv_a_norm", rank), kv,
            Linear(prefix + "output", (long)heads * config.ValueLength, _embd));
    }

    private (Linear Q, Linear K, Linear? V) Qkv(string prefix, int q, int k, int v, bool valuesMayBeKeys)
    {
        if (!Has(prefix + "qkv.weight"))
            return (Linear(prefix + "q", _embd, q), Linear(prefix + "k", _embd, k), valuesMayBeKeys && !Has(prefix + "v.weight") ? null : Linear(prefix + "v", _embd, v));
        Linear all = Linear(prefix + "qkv", _embd, q + k + v);
        return (all.Rows(0, q), all.Rows(q, k), all.Rows(q + k, v));
    }

    // The weight's length tells whether it serves every head, has a part for each, or belongs to whole rows.
    private Norm? HeadNorm(QkNorm norm, string name, int head, int heads)
    {
        if (norm == QkNorm.Weightless) return new Norm(NormKind.Rms, null, null, keys.RmsEpsilon);
        if (norm == QkNorm.None || (norm is QkNorm.OptionalRms or QkNorm.OptionalLayer && !Has(name + ".weight"))) return null;
        NormKind kind = norm is QkNorm.Rms or QkNorm.OptionalRms ? NormKind.Rms : NormKind.Layer;
        Tensor found = file.GetTensor(name + ".weight");
        if (found.Ne1 > 1) return new Norm(kind, FloatMatrix(name + ".weight", head, heads), null, kind == NormKind.Rms ? keys.RmsEpsilon : keys.LayerNormEpsilon);
        return Norm(kind, name, found.Ne0 == head ? head : (long)head * heads);
    }

    private float[]? Factors(string name, int pairs)
    {
        if (_factors.TryGetValue((name, pairs), out float[]? known)) return known;
        float[]? factors = null;
        if (Has(name + ".weight"))
        {
            Tensor tensor = Vector(name + ".weight", pairs);
            factors = new ReadOnlySpan<float>(tensor.Pointer, pairs).ToArray();
            if (!Array.TrueForAll(factors, factor => float.IsFinite(factor) && factor > 0))
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor {tensor.Name}: expected factors above 0");
        }
        _factors.Add((name, pairs), factors);
        return factors;
    }
}
