namespace Edge.Llm.Native;

/// <summary>What offload plug-ins log. They do not say for which model, so the log of each model with layers for a device is told.</summary>
internal static class PluginLog
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);
    private static readonly List<ModelResource> s_models = []; // also the lock around it

    static PluginLog() => OffloadPlugins.Log = Tell;

    /// <summary>Tells a model's log, from now on.</summary>
    public static void Add(ModelResource model)
    {
        lock (s_models) s_models.Add(model);
    }

    /// <summary>Ends that: the log is told nothing when this has returned.</summary>
    public static void Remove(ModelResource model)
    {
        lock (s_models) s_models.Remove(model);
    }

    private static void Tell(int level, string text)
    {
        // A callback may call the library, which may wait for the thread that this is: rather lose a line than wait for it without end.
        if (!Monitor.TryEnter(s_models, s_patience)) return;
        try
        {
            foreach (ModelResource model in s_models.ToArray()) // a callback may close one
                if (s_models.Contains(model)) model.Log((LogLevel)Math.Clamp(level, (int)LogLevel.Error, (int)LogLevel.Debug), $"plug-in: {text}");
        }
        finally
        {
            Monitor.Exit(s_models);
        }
    }
}
