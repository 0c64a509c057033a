using System.Diagnostics;
using Edge.Llm.Cache;
using Edge.Llm.Kernels;
using Edge.Llm.Models;

namespace Edge.Llm.Offload;

/// <summary>Consecutive layers of a model, and the output matrix perhaps, as a plug-in is told of them.</summary>
internal sealed unsafe class StageDescription : IDisposable
{
    private static readonly GgmlType[] s_types = // by KvType
        [GgmlType.F16, GgmlType.F32, GgmlType.Q8_0, GgmlType.BF16, GgmlType.Q5_1, GgmlType.Q5_0, GgmlType.Q4_1, GgmlType.Q4_0, GgmlType.IQ4_NL];

    private readonly Arena _arena = new();
    private readonly CacheLayout _cache;
    private readonly Dictionary<(nint, GgmlType, long, long), uint> _numbers = [];
    private readonly List<Tensor> _tensors = [];
    private readonly List<(int Group, int Layers)> _groups = []; // of the cache, and layers here
    private readonly List<RopeConfig> _ropes = [];

    /// <summary>Describes layers <paramref name="first"/> to before <paramref name="end"/>.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="cache">Where its layers find what they remember.</param>
    /// <param name="options">The context.</param>
    /// <param name="first">The first layer.</param>
    /// <param name="end">Behind the last one.</param>
    /// <param name="hasOutput">Whether the output matrix is a part.</param>
    /// <param name="parts">What of each layer of the model is the host's.</param>
    /// <param name="exact">Whether only the CPU's bits will do.</param>
    public StageDescription(ModelSpec spec, CacheLayout cache, ContextOptions options, int first, int end, bool hasOutput, HostParts[] parts, bool exact)
    {
        _cache = cache;
        (LayerCount, HasOutput) = (end - first, hasOutput);
        AbiLayer* layers = _arena.Array<AbiLayer>(end - first);
        for (int il = first; il < end; il++) layers[il - first] = Layer(spec.Layers[il], il, parts[il]);
        var desc = new AbiStageDesc
        {
            StructSize = (uint)sizeof(AbiStageDesc), Flags = exact ? Abi.Exact : 0, Architecture = _arena.Text(spec.Architecture),
            Hidden = spec.EmbeddingLength, VocabSize = spec.VocabSize, LayerCount = LayerCount, MaxRows = options.BatchSize,
            MaxOutputRows = hasOutput ? Math.Min(options.BatchSize, Math.Max(options.LogitsRows, OffloadedLayers.HiddenRows)) : options.BatchSize,
            Layers = layers, Arithmetic = Canonical.Version,
            Model = spec.Number,
        };
        if (hasOutput)
        {
            desc.FinalNorm = Norm(spec.OutputNorm);
            desc.Output = Linear(spec.Output);
            desc.OutputSoftcap = spec.FinalSoftcap;
        }
        (desc.GroupCount, desc.RopeCount, desc.TensorCount) = (_groups.Count, _ropes.Count, _tensors.Count);
        desc.Groups = Groups();
        desc.Tensors = Tensors();
        Desc = _arena.Add(desc);
    }

    /// <summary>The description.</summary>
    public AbiStageDesc* Desc { get; }

    /// <summary>How many there are.</summary>
    public int LayerCount { get; }

    /// <summary>Whether the output matrix is a part.</summary>
    public bool HasOutput { get; }

    /// <summary>Its tensors.</summary>
    public IReadOnlyList<Tensor> Weights => _tensors;

    /// <summary>Whether a product has the factor 0, which stands for 1 here.</summary>
    public bool HasZeroScale { get; private set; }

    /// <summary>The rotary embeddings, in the order of the stage's tables.</summary>
    public IReadOnlyList<RopeConfig> Ropes => _ropes;

    /// <summary>The cache's group of each group of the stage, and the bytes of a block there.</summary>
    public IReadOnlyList<(int Group, long BlockBytes)> CacheGroups => [.. _groups.Select(group => (group.Group, BlockBytes(group)))];

    /// <summary>Frees the memory; nothing of the description is used then.</summary>
    public void Dispose() => _arena.Dispose();

    private AbiLayer Layer(LayerSpec spec, int il, HostParts parts)
    {
        var layer = new AbiLayer
        {
            StructSize = (uint)sizeof(AbiLayer), Flags = (uint)parts, Topology = spec.Topology == Topology.Parallel ? Abi.Parallel : Abi.Pre, Number = il,
            MixerNorm = Norm(spec.In), FeedForwardNorm = Norm(spec.FfnIn), AfterMixer = Norm(spec.AfterMixer), AfterFeedForward = Norm(spec.AfterFfn),
            ResidualScale = spec.ResidualScale == 1 ? 0 : spec.ResidualScale,
        };
        if (spec.Mixer is AttentionSpec attention)
        {
            layer.MixerKind = Abi.Attention;
            layer.Mixer = _arena.Add(Attention(attention, il, parts.HasFlag(HostParts.Mixer)));
        }
        if (parts.HasFlag(HostParts.FeedForward) || spec.Ffn is null) return layer;
        layer.FeedForwardKind = Kind(spec.Ffn);
        layer.FeedForward = spec.Ffn is ExpertsSpec experts ? _arena.Add(Experts(experts)) : _arena.Add(FeedForward(spec.Ffn));
        return layer;
    }

    private AbiAttention Attention(AttentionSpec spec, int il, bool isHosts)
    {
        AttentionConfig config = spec.Config;
        var attention = new AbiAttention
        {
            StructSize = (uint)sizeof(AbiAttention), Heads = config.HeadCount, KvHeads = config.HeadCountKv,
            KeyDim = config.KeyLength, ValueDim = config.ValueLength,
            Scale = config.Scale, Softcap = config.Softcap, Window = config.Window == int.MaxValue ? 0 : config.Window,
            Q = Linear(spec.Q), K = Linear(spec.K!), V = Linear(spec.V!), Output = Linear(spec.Output),
            QNorm = Norm(spec.QNorm), KNorm = Norm(spec.KNorm), Rope = Rope(config.Rope), Sinks = Number(spec.Sinks),
        };
        if (!isHosts) (attention.Group, attention.Slot) = Slot(_cache.Kv(il).Group);
        return attention;
    }

    private AbiFeedForward FeedForward(IFeedForwardSpec spec) => spec switch
    {
        GatedSpec gated => new AbiFeedForward
        {
            StructSize = (uint)sizeof(AbiFeedForward), Activation = Describable.ActivationOf(gated.Activation),
            Gate = Linear(gated.Gate), Up = Linear(gated.Up), Down = Linear(gated.Down),
        },
        PlainSpec plain => new AbiFeedForward
        {
            StructSize = (uint)sizeof(AbiFeedForward), Activation = Describable.ActivationOf(plain.Activation), Up = Linear(plain.Up), Down = Linear(plain.Down),
        },
        _ => throw new UnreachableException(),
    };

    private AbiExperts Experts(ExpertsSpec spec)
    {
        RouterConfig router = spec.Router;
        HasZeroScale |= spec.OutputScale == 0; // a router takes 0 for 1 itself
        var experts = new AbiExperts
        {
            StructSize = (uint)sizeof(AbiExperts), Flags = router.Normalize ? Abi.Normalize : 0, Gating = (uint)router.Gating,
            Activation = Describable.ActivationOf(spec.Activation),
            Count = router.Count, Used = router.Used, Width = spec.Up.OutputLength, WeightScale = router.Scale == 1 ? 0 : router.Scale,
            OutputScale = spec.OutputScale == 1 ? 0 : spec.OutputScale, ChoiceBias = Number(spec.ChoiceBias), Router = Linear(spec.RouterWeight),
            Gate = spec.Gate is null ? default : Matrices(spec.Gate), Up = Matrices(spec.Up), Down = Matrices(spec.Down), SharedKind = Kind(spec.Shared),
        };
        if (router.GroupsUsed < router.Groups) (experts.Groups, experts.GroupsUsed) = (router.Groups, router.GroupsUsed);
        if (spec.Shared is not null) experts.Shared = _arena.Add(FeedForward(spec.Shared));
        if (spec.SharedGate is not null) experts.SharedGate = Linear(spec.SharedGate);
        return experts;
    }

    private AbiExpertMatrices Matrices(ExpertMatrices matrices) =>
        new() { Weight = Number(matrices.Weight), Bias = Number(matrices.Bias), FirstRow = matrices.FirstRow };

    private static uint Kind(IFeedForwardSpec? spec) => spec switch
    {
        GatedSpec => Abi.Gated,
        PlainSpec => Abi.Plain,
        ExpertsSpec => Abi.Experts,
        _ => 0,
    };

    private AbiRope Rope(RopeConfig? config)
    {
        if (config is null) return default;
        int table = _ropes.IndexOf(config);
        if (table < 0)
        {
            table = _ropes.Count;
            _ropes.Add(config);
        }
        return new AbiRope { Table = (uint)table + 1, Halves = config.Type == RopeType.Neox ? 1u : 0, Dimensions = config.Dimensions };
    }

    private (uint Group, uint Slot) Slot(int group)
    {
        int index = _groups.FindIndex(known => known.Group == group);
        if (index < 0)
        {
            index = _groups.Count;
            _groups.Add((group, 0));
        }
        int slot = _groups[index].Layers;
        _groups[index] = (group, slot + 1);
        return ((uint)index, (uint)slot);
    }

    private AbiNorm Norm(Norm? norm) => norm is null ? default : new AbiNorm
    {
        Kind = norm.Kind == NormKind.Layer ? Abi.Layer : Abi.Rms, Weight = Number(norm.Weight), Bias = Number(norm.Bias), Epsilon = norm.Epsilon,
    };

    private AbiLinear Linear(Linear linear)
    {
        float scale = linear.Scale * linear.WeightScale;
        HasZeroScale |= scale == 0;
        return new AbiLinear { Weight = Number(linear.Weight), Bias = Number(linear.Bias), Scale = scale == 1 ? 0 : scale };
    }

    private uint Number(Tensor? tensor)
    {
        if (tensor is not { } t) return 0;
        if (_numbers.TryGetValue((t.Data, t.Type, t.Ne0, t.Ne1), out uint number)) return number;
        _tensors.Add(t);
        return _numbers[(t.Data, t.Type, t.Ne0, t.Ne1)] = (uint)_tensors.Count;
    }

    private AbiTensor* Tensors()
    {
        AbiTensor* tensors = _arena.Array<AbiTensor>(_tensors.Count);
        for (int i = 0; i < _tensors.Count; i++)
        {
            Tensor t = _tensors[i];
            tensors[i] = new AbiTensor
            {
                StructSize = (uint)sizeof(AbiTensor), Type = (uint)t.Type, Data = t.Pointer, RowBytes = (ulong)t.RowBytes, Name = _arena.Text(t.Name),
            };
            (tensors[i].Ne[0], tensors[i].Ne[1], tensors[i].Ne[2], tensors[i].Ne[3]) = (t.Ne0, t.Ne1, t.Ne2, t.Ne3);
        }
        return tensors;
    }

    private AbiCacheGroup* Groups()
    {
        AbiCacheGroup* groups = _arena.Array<AbiCacheGroup>(_groups.Count);
        for (int i = 0; i < _groups.Count; i++)
        {
            CacheLayout.Group group = _cache.Groups[_groups[i].Group];
            KvShape shape = group.Shape;
            groups[i] = new AbiCacheGroup
            {
                StructSize = (uint)sizeof(AbiCacheGroup), KeyType = (uint)s_types[(int)shape.KeyType], ValueType = (uint)s_types[(int)shape.ValueType],
                Layers = _groups[i].Layers, Heads = shape.Rows.Heads, KeyDim = shape.Rows.KeyDim, ValueDim = shape.Rows.ValueDim,
                Blocks = group.Capacity, BlockBytes = (ulong)BlockBytes(_groups[i]),
            };
        }
        return groups;
    }

    private long BlockBytes((int Group, int Layers) group)
    {
        KvShape shape = _cache.Groups[group.Group].Shape;
        return shape.BlockBytes / shape.Layers * group.Layers;
    }
}
