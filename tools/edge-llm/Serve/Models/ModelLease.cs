namespace Edge.Llm.Cli.Serve.Models;

/// <summary>A request's hold on a model, which stays in memory until it is given back.</summary>
internal sealed class ModelLease(ModelSlot slot, LoadedModel model) : IDisposable
{
    private ModelSlot? _slot = slot;

    public LoadedModel Model => model;

    /// <summary>How long the model is to stay in memory after this request; it holds for later ones as well. Below zero: without end.</summary>
    public void KeepFor(TimeSpan time) => _slot?.KeepFor(time);

    public void Dispose() => Interlocked.Exchange(ref _slot, null)?.Return();
}
