using Edge.Llm.Cache;
using Edge.Llm.Models;

namespace Edge.Llm.Offload;

/// <summary>Which layers of a model go to which devices: known before anything is allocated.</summary>
internal sealed class OffloadPlan
{
    private const double MemoryShare = 0.95; // of a device's free memory

    private readonly ModelSpec _spec;
    private readonly ContextOptions _options;
    private readonly OffloadOptions _wish;
    private readonly IReadOnlyList<LoraAdapter> _adapters;
    private readonly CacheLayout _cache;
    private readonly HostParts[] _parts;
    private readonly Plugin? _plugin;
    private readonly OffloadDevice[] _devices = [];
    private readonly List<string> _notes = [];
    private List<OffloadedStage> _stages = [];
    private string? _whyExperts; // stay, of the first that a plug-in has refused
    private int _describable, _layers; // the last ones, of all
    private bool _output;

    /// <summary>Plans what a context of a model wishes.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="options">The context.</param>
    /// <param name="wish">The wish.</param>
    /// <param name="adapters">Adapters that texts may be computed with: a device does not know them, so what they change stays here.</param>
    /// <param name="before">A plan whose layers take memory of the same devices.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument. PluginError: the plug-in cannot be used. Unsupported: layers were asked for by number, and
    /// there is no device for any.</exception>
    public OffloadPlan(ModelSpec spec, ContextOptions options, OffloadOptions wish, IReadOnlyList<LoraAdapter> adapters, OffloadPlan? before = null)
    {
        wish.Check();
        (_spec, _options, _wish, _adapters) = (spec, options, wish, adapters);
        _cache = spec.CacheLayout(options.CacheSize);
        _parts = new HostParts[spec.Layers.Length];
        if (wish.Layers == 0) return;
        DeviceChoice choice = DeviceChoice.Of(wish);
        (_plugin, _devices) = (choice.Plugin, choice.Devices);
        if (before is not null && before._plugin == _plugin) _devices = Array.ConvertAll(_devices, before.WhatIsLeftOf);
        if (choice.WhyNone is { } why) Note(why);
        else ChooseLayers();
        ThrowIfNone();
    }

    /// <summary>Layers for devices, the output matrix counted as one.</summary>
    public int Layers => _layers + (_output ? 1 : 0);

    /// <summary>What is planned.</summary>
    public OffloadReport Report => new(_stages, _notes.Count == 0 ? null : string.Join("; ", _notes));

    /// <summary>Bytes of the cache that do not lie in the host's memory.</summary>
    public long CacheBytes { get; private set; }

    /// <summary>The layers without their stages, to measure what is left for the host; null: all are.</summary>
    public OffloadedLayers? Measured => Layers == 0 ? null : Offloaded([], []);

    /// <summary>Makes the stages. Where a device has less memory than it said, fewer layers go there.</summary>
    /// <returns>The stages; null: there are none.</returns>
    /// <exception cref="EdgeLlmException">PluginError, OutOfMemory. Unsupported: as with the constructor.</exception>
    public OffloadedLayers? Make()
    {
        while (Layers > 0)
        {
            var stages = new List<IStage>();
            var weights = new HashSet<string>();
            try
            {
                foreach (LayerRange range in Ranges())
                {
                    using StageDescription description = Describe(range);
                    stages.Add(new Stage(_plugin!, range.Device.Number, description));
                    weights.UnionWith(description.Weights.Select(weight => weight.Name));
                }
                return Offloaded(stages, weights);
            }
            catch (Exception e)
            {
                foreach (IStage stage in stages) stage.Dispose();
                if (e is not EdgeLlmException { Code: ErrorCode.OutOfMemory }) throw;
                Note($"{Layers} layers do not fit: {e.Message}");
                AskForLess(_layers * 3 / 4);
                ReduceToWhatFits();
            }
        }
        ThrowIfNone();
        return null;
    }

    private OffloadedLayers Offloaded(List<IStage> stages, HashSet<string> weights)
    {
        int first = _spec.Layers.Length - _layers;
        return new OffloadedLayers(first, _output, stages, _parts[first..]) { Weights = weights };
    }

    private void ThrowIfNone()
    {
        if (Layers > 0 || _wish.Layers <= 0) return;
        string why = string.Join("; ", _notes);
        throw new EdgeLlmException(ErrorCode.Unsupported, $"{_wish.Layers} layers for a device (n_gpu_layers), and none takes any: {why}");
    }

    private void Note(string note)
    {
        if (!_notes.Contains(note)) _notes.Add(note);
    }

    private OffloadDevice WhatIsLeftOf(OffloadDevice device)
    {
        long taken = _stages.Where(stage => stage.Device.Number == device.Number).Sum(stage => stage.Bytes);
        return device.FreeBytes == 0 ? device : device with { FreeBytes = Math.Max(1, device.FreeBytes - taken) };
    }

    // Takes the last layers that can be described and that the devices take and have memory for.
    private void ChooseLayers()
    {
        _describable = DescribableLayers();
        Ask(_spec.HasLogits && OutputCanGo());
        ReduceToWhatFits();
    }

    // Asks for all that is wished, with the output matrix or without it.
    private void Ask(bool output)
    {
        _output = output;
        _layers = Math.Min(_describable, (_wish.Layers < 0 ? int.MaxValue : _wish.Layers) - (output ? 1 : 0));
    }

    // Asks for fewer layers. Where not even the output matrix fits, all layers are tried without it.
    private void AskForLess(int layers)
    {
        if (_layers > 0) _layers = layers;
        else Ask(output: false);
    }

    private void ReduceToWhatFits()
    {
        (_stages, CacheBytes) = ([], 0);
        while (Layers > 0 && !Fits())
        {
        }
    }

    private int DescribableLayers()
    {
        int count = 0;
        string? why = Describable.WhyNot(_spec);
        for (int il = _spec.Layers.Length - 1; il >= 0 && why is null; il--)
        {
            why = WhyNot(il);
            if (why is not null) why = $"layer {il}: {why}";
            else count++;
        }
        if (why is not null) Note(why);
        return count;
    }

    private string? WhyNot(int il)
    {
        LayerSpec layer = _spec.Layers[il];
        if (!_wish.Kqv && layer.Mixer is AttentionSpec) _parts[il] |= HostParts.Mixer;
        if (Describable.WhyNot(layer.Ffn) is not null && Describable.CanStay(layer.Ffn)) _parts[il] |= HostParts.FeedForward;
        if (Describable.WhyNot(layer, _parts[il]) is { } why) return why;
        if (layer.ResidualScale == 0) return "its sums have the factor 0";
        using StageDescription alone = Describe(il, il + 1, output: false);
        return WhyNot(alone) is { } what ? KeepExperts(il) ? WhyNot(il) : what : null;
    }

    private bool OutputCanGo()
    {
        using StageDescription alone = Describe(_spec.Layers.Length, _spec.Layers.Length, output: true);
        if (WhyNot(alone) is not { } why) return true;
        Note($"the output matrix: {why}");
        return false;
    }

    private string? WhyNot(StageDescription description)
    {
        if (description.HasZeroScale) return "a product has the factor 0";
        foreach (LoraAdapter adapter in _adapters)
            if (description.Weights.FirstOrDefault(weight => adapter.Changes(weight.Name)) is { Name: { } name }) return $"{adapter.Path} changes {name}";
        return null;
    }

    // False: something does not fit, and less is asked for now.
    private bool Fits()
    {
        var stages = new List<OffloadedStage>();
        long cacheBytes = 0;
        foreach (LayerRange range in Ranges())
        {
            using StageDescription description = Describe(range);
            StagePlan plan = StagePlan.Ask(_plugin!, range.Device.Number, description);
            if (range.HasOutput && !plan.TakesOutput && WhyNotOutput(range.Device, plan) is { } why)
            {
                Note($"the output matrix: {why}");
                Ask(output: false);
                return false;
            }
            if (plan.FirstLayer > 0 && KeepExperts(range.First + plan.FirstLayer - 1))
            {
                _whyExperts ??= $"the CPU does experts that {range.Device.Name} does not: {plan.Reason}";
                return false;
            }
            if (plan.FirstLayer > 0)
            {
                Note(plan.Reason);
                _layers = _spec.Layers.Length - range.First - plan.FirstLayer;
                return false;
            }
            if (!plan.IsExact && _wish.Exact)
            {
                Note($"{range.Device.Name} does not give the CPU's bits{(range.Device.Note.Length > 0 ? $" ({range.Device.Note})" : "")}, which is asked for");
                (_layers, _output) = (0, false);
                return false;
            }
            if (range.Device.FreeBytes > 0 && plan.Bytes > range.Device.FreeBytes * MemoryShare)
            {
                Note($"as many as fit {range.Device.FreeBytes >> 20} MiB of {range.Device.Name}");
                if (Enumerable.Range(range.First, range.End - range.First).Any(KeepExperts)) return false; // they are most of a layer
                AskForLess(_layers - 1);
                return false;
            }
            stages.Add(new OffloadedStage(_plugin!.Title, range.Device, range.First, range.End - range.First, range.HasOutput, plan.IsExact, plan.Bytes)
            {
                HostNetworks = _parts[range.First..range.End].Count(parts => parts.HasFlag(HostParts.FeedForward)),
            });
            cacheBytes += description.CacheGroups.Sum(group => _cache.Groups[group.Group].Capacity * group.BlockBytes);
        }
        (_stages, CacheBytes) = (stages, cacheBytes);
        if (_whyExperts is { } reason && stages.Exists(stage => stage.HostNetworks > 0)) Note(reason);
        return true;
    }

    // Why a device does not take the output matrix. Null: it does, but not with these layers, of which it takes fewer.
    private string? WhyNotOutput(OffloadDevice device, StagePlan withLayers)
    {
        using StageDescription description = Describe(_spec.Layers.Length, _spec.Layers.Length, output: true);
        StagePlan alone = StagePlan.Ask(_plugin!, device.Number, description);
        if (!alone.TakesOutput) return alone.Reason;
        return withLayers.FirstLayer > 0 ? null : withLayers.Reason;
    }

    // Leaves the experts of a layer to the CPU, if they are not yet.
    private bool KeepExperts(int il)
    {
        if (_spec.Layers[il].Ffn is not ExpertsSpec experts || _parts[il].HasFlag(HostParts.FeedForward) || !Describable.CanStay(experts)) return false;
        _parts[il] |= HostParts.FeedForward;
        return true;
    }

    private readonly record struct LayerRange(OffloadDevice Device, int First, int End, bool HasOutput);

    // Shares out the layers in their order, and the output matrix as the last one.
    private List<LayerRange> Ranges()
    {
        var ranges = new List<LayerRange>();
        int count = _spec.Layers.Length, first = count - _layers, taken = 0;
        double[] shares = Shares();
        double sum = 0;
        for (int i = 0; i < _devices.Length && Layers > 0; i++)
        {
            sum += shares[i];
            int until = i == _devices.Length - 1 ? Layers : (int)Math.Round(sum * Layers);
            int end = first + Math.Min(until - taken, count - first);
            bool output = _output && until == Layers && taken < Layers;
            if (end > first || output) ranges.Add(new LayerRange(_devices[i], first, end, output));
            (first, taken) = (end, until);
        }
        return ranges;
    }

    // By free memory, where all devices say how much they have.
    private double[] Shares()
    {
        bool saysMemory = _devices.All(device => device.FreeBytes > 0);
        double[] shares = _wish.Split.Count > 0 ? [.. _wish.Split] : Array.ConvertAll(_devices, device => saysMemory ? device.FreeBytes : 1.0);
        double sum = shares.Sum();
        return Array.ConvertAll(shares, share => share / sum);
    }

    private StageDescription Describe(LayerRange range) => Describe(range.First, range.End, range.HasOutput);

    private StageDescription Describe(int first, int end, bool output) => new(_spec, _cache, _options, first, end, output, _parts, _wish.Exact);
}
