namespace Edge.Llm.Native;

/// <summary>What offload plug-ins log. They do not say for which model, so the log of each model with layers for a device is told.</summary>
internal static class PluginLog
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);
    private static readonly List<ModelResource> s_models = []; // also the lock around it, which no callback runs under

    static PluginLog() => OffloadPlugins.Log = Tell;

    /// <summary>Tells a model's log, from now on.</summary>
    public static void Add(ModelResource model)
    {
        lock (s_models) s_models.Add(model);
    }

    /// <summary>Ends that: the log is told nothing when this has returned, unless it is the log that closes the model.</summary>
    public static void Remove(ModelResource model)
    {
        lock (s_models) s_models.Remove(model);
        lock (model.LogGate)
        {
            // a line that another thread writes has ended
        }
    }

    /// <summary>Tells the log of one model, if it is still open.</summary>
    public static void Tell(ModelResource model, LogLevel level, string text)
    {
        // A callback may call the library, which may wait for the thread that this is: rather lose a line than wait for it without end.
        if (!Monitor.TryEnter(model.LogGate, s_patience)) return;
        try
        {
            bool isOpen;
            lock (s_models) isOpen = s_models.Contains(model);
            if (isOpen) model.Log(level, text);
        }
        finally
        {
            Monitor.Exit(model.LogGate);
        }
    }

    private static void Tell(int level, string text)
    {
        ModelResource[] models;
        lock (s_models) models = [.. s_models];
        foreach (ModelResource model in models) Tell(model, (LogLevel)Math.Clamp(level, (int)LogLevel.Error, (int)LogLevel.Debug), $"plug-in: {text}");
    }
}
