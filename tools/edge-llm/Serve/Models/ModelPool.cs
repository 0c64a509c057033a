namespace Edge.Llm.Cli.Serve.Models;

/// <summary>The models that the server offers, by name. The first one answers requests that name none.</summary>
internal sealed class ModelPool : IAsyncDisposable
{
    /// <summary>The tag that Ollama's clients give to a model without one.</summary>
    public const string AnyTag = ":latest";

    private readonly List<ModelSlot> _slots;
    private readonly bool _acceptsAnyName;
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _unloading;

    /// <param name="sources">The models.</param>
    /// <param name="mostLeases">Requests that run or wait at most, a model.</param>
    /// <param name="idle">Time without requests after which one is unloaded; below zero: never.</param>
    /// <param name="acceptsAnyName">Whether a name that there is not means the first model.</param>
    public ModelPool(IEnumerable<ModelSource> sources, int mostLeases, TimeSpan idle, bool acceptsAnyName)
    {
        _slots = [.. sources.Select(source => new ModelSlot(source, mostLeases, idle))];
        _acceptsAnyName = acceptsAnyName;
        _unloading = UnloadIdleAsync();
    }

    /// <summary>All models.</summary>
    public IReadOnlyList<ModelSlot> Slots => _slots;

    /// <summary>The model of a name; null is the first.</summary>
    /// <exception cref="ApiException">There is none.</exception>
    public ModelSlot Find(string? name)
    {
        if (name is null) return _slots[0];
        if (name.EndsWith(AnyTag, StringComparison.Ordinal) && _slots.Find(slot => slot.Source.Name == name[..^AnyTag.Length]) is { } untagged) return untagged;
        return _slots.Find(slot => slot.Source.Name == name) ?? (_acceptsAnyName ? _slots[0]
            : throw new ApiException(404, $"the model '{Failure.OneLine(name.Length <= 100 ? name : name[..100])}' does not exist", "model", "model_not_found"));
    }

    /// <summary>The model of a name, in memory.</summary>
    public ValueTask<ModelLease> AcquireAsync(string? name, CancellationToken cancellation) => Find(name).AcquireAsync(cancellation);

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        await _unloading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (ModelSlot slot in _slots) slot.Dispose();
        _ended.Dispose();
    }

    private async Task UnloadIdleAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        while (await timer.WaitForNextTickAsync(_ended.Token).ConfigureAwait(false))
            foreach (ModelSlot slot in _slots)
                try
                {
                    slot.UnloadIfIdle();
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    Console.Error.WriteLine($"edge-llm: unloading '{slot.Source.Name}': {Failure.OneLine(e.Message)}");
                }
    }
}
