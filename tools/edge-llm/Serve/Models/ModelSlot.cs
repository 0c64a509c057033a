namespace Edge.Llm.Cli.Serve.Models;

/// <summary>A model that is loaded when a request needs it, and unloaded when none has for a while.</summary>
/// <param name="source">The model.</param>
/// <param name="mostLeases">Requests that run or wait at most.</param>
/// <param name="idle">Time without requests after which it is unloaded; below zero: never.</param>
internal sealed class ModelSlot(ModelSource source, int mostLeases, TimeSpan idle) : IDisposable
{
    private readonly SemaphoreSlim _loading = new(1);
    private readonly Lock _gate = new();
    private LoadedModel? _model;
    private TimeSpan? _kept; // what a request asked for, until it is unloaded
    private long _lastUse = Environment.TickCount64;

    public ModelSource Source => source;

    private TimeSpan Idle => _kept ?? idle;

    /// <summary>Requests that hold it.</summary>
    public int Leases { get; private set; }

    /// <summary>The model if it is in memory.</summary>
    public LoadedModel? Loaded => Volatile.Read(ref _model);

    /// <summary>Whether it was in memory once.</summary>
    public bool WasLoaded { get; private set; }

    /// <summary>When it will be unloaded; null: it is in use, not loaded, or stays.</summary>
    public DateTimeOffset? Expires
    {
        get
        {
            lock (_gate)
                return _model is null || Leases > 0 || Idle < TimeSpan.Zero ? null : DateTimeOffset.UtcNow + (Idle - TimeSpan.FromMilliseconds(Environment.TickCount64 - _lastUse));
        }
    }

    /// <summary>The model, loaded if need be.</summary>
    /// <exception cref="ApiException">Too many requests hold it.</exception>
    public async ValueTask<ModelLease> AcquireAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (Leases >= mostLeases)
                throw new ApiException(503, $"{Leases} requests for '{source.Name}' run or wait already", null, "overloaded", retryAfter: 1);
            Leases++;
        }
        try
        {
            return new ModelLease(this, Loaded ?? await LoadAsync(cancellation).ConfigureAwait(false));
        }
        catch
        {
            Return();
            throw;
        }
    }

    /// <summary>How long it is to stay in memory without requests, until it is unloaded; below zero: without end.</summary>
    public void KeepFor(TimeSpan time)
    {
        lock (_gate)
            if (_model is not null) _kept = time;
    }

    public void Return()
    {
        lock (_gate)
        {
            Leases--;
            _lastUse = Environment.TickCount64;
        }
    }

    /// <summary>Unloads it if no request holds it, and none has for a while.</summary>
    /// <param name="atOnce">However short the while.</param>
    public void UnloadIfIdle(bool atOnce = false)
    {
        LoadedModel? model;
        lock (_gate)
        {
            bool isIdle = Leases == 0 && (atOnce || (Idle >= TimeSpan.Zero && Environment.TickCount64 - _lastUse >= Idle.TotalMilliseconds));
            if (!isIdle) return;
            model = Interlocked.Exchange(ref _model, null);
            _kept = null;
        }
        model?.Dispose();
    }

    public void Dispose()
    {
        Interlocked.Exchange(ref _model, null)?.Dispose();
        _loading.Dispose();
    }

    private async Task<LoadedModel> LoadAsync(CancellationToken cancellation)
    {
        await _loading.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (Loaded is { } loaded) return loaded;
            LoadedModel model = await Task.Run(Open, CancellationToken.None).ConfigureAwait(false);
            Volatile.Write(ref _model, model);
            WasLoaded = true;
            return model;
        }
        finally
        {
            _loading.Release();
        }
    }

    private LoadedModel Open()
    {
        try
        {
            return source.Open();
        }
        catch (Exception e)
        {
            throw source.CannotOpen(e);
        }
    }
}
