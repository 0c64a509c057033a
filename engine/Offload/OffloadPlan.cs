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
    private readonly CacheLayout _cache;
    private readonly HostParts[] _parts;
    private readonly Plugin? _plugin;
    private readonly OffloadDevice[] _devices = [];
    private readonly List<string> _notes = [];
    private List<OffloadedStage> _stages = [];
    private int _layers; // the last ones, of all
    private bool _output;

    /// <summary>Plans what a context of a model wishes.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument. PluginError: the plug-in cannot be used. Unsupported: layers were asked for by number, and
    /// there is no device for any.</exception>
    public OffloadPlan(ModelSpec spec, ContextOptions options, OffloadOptions wish)
    {
        wish.Check();
        (_spec, _options, _wish) = (spec, options, wish);
        _cache = spec.CacheLayout(options.CacheSize);
        _parts = new HostParts[spec.Layers.Length];
        if (wish.Layers == 0) return;
        DeviceChoice choice = DeviceChoice.Of(wish);
        (_plugin, _devices) = (choice.Plugin, choice.Devices);
        if (choice.WhyNone is { } why) _notes.Add(why);
        else ChooseLayers();
        if (Layers == 0 && wish.Layers > 0)
            throw new EdgeLlmException(ErrorCode.Unsupported, $"{wish.Layers} layers for a device (n_gpu_layers), and none takes any: {string.Join("; ", _notes)}");
    }

    /// <summary>Layers for devices, the output matrix counted as one.</summary>
    public int Layers => _layers + (_output ? 1 : 0);

    /// <summary>What is planned.</summary>
    public OffloadReport Report => new(_stages, _notes.Count == 0 ? null : string.Join("; ", _notes));

    /// <summary>Bytes of the cache that do not lie in the host's memory.</summary>
    public long CacheBytes { get; private set; }

    /// <summary>Makes the stages. Where a device has less memory than it said, fewer layers go there.</summary>
    /// <returns>The stages; null: there are none.</returns>
    /// <exception cref="EdgeLlmException">PluginError, Unsupported, OutOfMemory.</exception>
    public OffloadedLayers? Make()
    {
        while (Layers > 0)
        {
            var stages = new List<IStage>();
            try
            {
                foreach (LayerRange range in Ranges())
                {
                    using StageDescription description = Describe(range);
                    stages.Add(new Stage(_plugin!, range.Device.Number, description));
                }
                int first = _spec.Layers.Length - _layers;
                return new OffloadedLayers(first, stages, _parts[first..]);
            }
            catch (Exception e)
            {
                foreach (IStage stage in stages) stage.Dispose();
                if (e is not EdgeLlmException { Code: ErrorCode.OutOfMemory }) throw;
                _notes.Add($"{Layers} layers do not fit: {e.Message}");
                (_layers, _output) = (_layers * 3 / 4, _output && _layers > 0);
                ReduceToWhatFits();
            }
        }
        return null;
    }

    // Takes the last layers that can be described and that the devices take and have memory for.
    private void ChooseLayers()
    {
        int wished = _wish.Layers < 0 ? int.MaxValue : _wish.Layers;
        _output = _spec.HasLogits;
        _layers = Math.Min(DescribableLayers(), wished - (_output ? 1 : 0));
        ReduceToWhatFits();
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
            LayerSpec layer = _spec.Layers[il];
            if (!_wish.Kqv && layer.Mixer is AttentionSpec) _parts[il] |= HostParts.Mixer;
            if (Describable.WhyNot(layer.Ffn) is not null && Describable.CanStay(layer.Ffn)) _parts[il] |= HostParts.FeedForward;
            why = Describable.WhyNot(layer, _parts[il]);
            if (why is not null) why = $"layer {il}: {why}";
            else count++;
        }
        if (why is not null) _notes.Add(why);
        return count;
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
            if (plan.FirstLayer > 0 && KeepExperts(range.First + plan.FirstLayer - 1))
            {
                Note($"the CPU does experts that {range.Device.Name} does not: {plan.Reason}", "the CPU does experts");
                return false;
            }
            if (plan.FirstLayer > 0 || (range.HasOutput && !plan.TakesOutput))
            {
                _notes.Add(plan.Reason);
                _layers = Math.Min(_layers, _spec.Layers.Length - range.First - plan.FirstLayer);
                if (range.HasOutput && !plan.TakesOutput) _output = false;
                return false;
            }
            if (!plan.IsExact && _wish.Exact)
            {
                _notes.Add($"{range.Device.Name} does not give the CPU's bits{(range.Device.Note.Length > 0 ? $" ({range.Device.Note})" : "")}, which is asked for");
                (_layers, _output) = (0, false);
                return false;
            }
            if (range.Device.FreeBytes == 0 || plan.Bytes <= range.Device.FreeBytes * MemoryShare)
            {
                stages.Add(new OffloadedStage(_plugin!.Title, range.Device, range.First, range.End - range.First, range.HasOutput, plan.IsExact, plan.Bytes)
                {
                    HostNetworks = _parts[range.First..range.End].Count(parts => parts.HasFlag(HostParts.FeedForward)),
                });
                cacheBytes += description.CacheGroups.Sum(group => _cache.Groups[group.Group].Capacity * group.BlockBytes);
                continue;
            }
            Note($"as many as fit {range.Device.FreeBytes >> 20} MiB of {range.Device.Name}", "as many");
            if (Enumerable.Range(range.First, range.End - range.First).Any(KeepExperts)) return false; // they are most of a layer
            if (_layers > 0) _layers--;
            else _output = false;
            return false;
        }
        (_stages, CacheBytes) = (stages, cacheBytes);
        return true;
    }

    // Leaves the experts of a layer to the CPU, if they are not yet.
    private bool KeepExperts(int il)
    {
        if (_spec.Layers[il].Ffn is not ExpertsSpec experts || _parts[il].HasFlag(HostParts.FeedForward) || !Describable.CanStay(experts)) return false;
        _parts[il] |= HostParts.FeedForward;
        return true;
    }

    // Once for all that begin alike.
    private void Note(string note, string beginning)
    {
        if (!_notes.Exists(known => known.StartsWith(beginning, StringComparison.Ordinal))) _notes.Add(note);
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
            int until = i == _devices.Length - 1 ? Layers : (int)Math.Round(sum * Layers), end = first + Math.Min(until - taken, count - first);
            bool output = _output && until == Layers && taken < Layers;
            if (end > first || output) ranges.Add(new LayerRange(_devices[i], first, end, output));
            (first, taken) = (end, until);
        }
        return ranges;
    }

    private double[] Shares()
    {
        double[] shares = _wish.Split.Count > 0 ? [.. _wish.Split] : Array.ConvertAll(_devices, device => Math.Max(1.0, device.FreeBytes));
        double sum = shares.Sum();
        return Array.ConvertAll(shares, share => share / sum);
    }

    private StageDescription Describe(LayerRange range) => new(_spec, _cache, _options, range.First, range.End, range.HasOutput, _parts, _wish.Exact);
}
