using Edge.Llm.Adapters;
using Edge.Llm.Models;
using Edge.Llm.Offload;
using Edge.Llm.Threading;

namespace Edge.Llm;

/// <content>What a context takes, before it is made.</content>
public sealed partial class LanguageModel
{
    /// <summary>The memory that a context of these options takes where all layers run on the CPU; allocates nothing.</summary>
    /// <param name="options">The options.</param>
    /// <param name="draft">The model that drafts, if any: its memory is part of each number.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public MemoryPlan Plan(ContextOptions? options = null, LanguageModel? draft = null)
    {
        using Gate.Use use = _gate.Hold();
        options = Complete(options, draft);
        MemoryPlan own = PlanOf(options, null);
        return draft is null ? own : own.And(draft.Plan(options.OfDraftModel));
    }

    // Without the keys and values that lie on devices.
    private MemoryPlan PlanOf(ContextOptions options, OffloadPlan? offload)
    {
        LoraAdapter[] adapters = Adapters();
        AdapterWidths widths = adapters.Aggregate(default(AdapterWidths), (most, adapter) => AdapterWidths.Max(most, adapter.Widths));
        return new MemoryPlan(
            File.FileBytes + adapters.Sum(adapter => adapter.FileBytes), Spec.CacheLayout(options.CacheSize).Bytes - (offload?.CacheBytes ?? 0),
            ModelRunner.Measure(Spec, options, widths, offload?.Measured));
    }

    private void CheckMemory(ContextOptions options, OffloadPlan? offload, DraftPlan? drafts)
    {
        MemoryPlan plan = PlanOf(options, offload);
        if (drafts is not null) plan = plan.And(drafts.Memory);
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (plan.KvCache + plan.Activations <= available) return;
        throw new EdgeLlmException(ErrorCode.OutOfMemory,
            $"a context of {options.ContextSize} tokens takes {plan}; this machine has {available} bytes of memory");
    }

    /// <summary>What a context of these options gives to devices (<see cref="ModelOptions.Offload"/>), with the memory that it takes there; allocates
    /// nothing. Of the memory of <see cref="Plan"/>, keys and values of these layers lie on the devices. Weights that a loaded adapter changes stay on
    /// the CPU.</summary>
    /// <param name="options">The options.</param>
    /// <param name="draft">The model that drafts, if any: what it gives to devices comes behind, by its own options.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument, PluginError. Unsupported: layers were asked for by number, and there is no device for
    /// any.</exception>
    public OffloadReport PlanOffload(ContextOptions? options = null, LanguageModel? draft = null)
    {
        using Gate.Use use = _gate.Hold();
        options = Complete(options, draft);
        OffloadPlan? own = OffloadOf(options);
        OffloadReport report = own?.Report ?? new OffloadReport([], null);
        return draft is null ? report : report.With(new DraftPlan(draft, options, own).Offload?.Report);
    }

    private OffloadPlan? OffloadOf(ContextOptions options, OffloadPlan? before = null) =>
        _options.Offload is { } wish ? Held(() => new OffloadPlan(Spec, options, wish, Adapters(), before)) : null;
}
