namespace Edge.Llm.Conversion;

/// <summary>Windows of attention as config.json describes them: sliding_window, and which layers have it.</summary>
internal static class HfWindow
{
    /// <summary>The window that a GGUF file is to have, or null. The architecture says which layers it is for; others are refused.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static int? Read(CheckedJson config, ModelFamily family, int layers, int context, List<string> notices)
    {
        string[] kinds = [.. config.Array("layer_types").Select(element => config.Text("layer_types", element))];
        if (Array.Find(kinds, kind => kind is not ("full_attention" or "sliding_attention")) is { } other)
            throw config.Unsupported($"layer_types: '{other}'; expected full_attention or sliding_attention");
        int? window = config.TryGet("sliding_window", out _) ? config.Int("sliding_window", 1, int.MaxValue) : null;
        if (family.FullEvery == 0)
        {
            // Hugging Face's classes slide by layer_types, or all layers.
            bool slides = config.Flag("use_sliding_window") ?? (family.SlidesUntold || kinds.Contains("sliding_attention"));
            if (slides && window < context)
                notices.Add($"sliding_window {window}: the architecture {family.Architecture} has no such key; longer texts are attended to in full");
            return null;
        }
        CheckEvery(config, family);
        if (kinds.Length > 0 && kinds.Length != layers) throw config.Invalid($"layer_types: {kinds.Length} layers, expected {layers}");
        for (int i = 0; i < kinds.Length; i++)
        {
            string expected = i % family.FullEvery == family.FullEvery - 1 ? "full_attention" : "sliding_attention";
            if (kinds[i] != expected)
                throw config.Unsupported($"layer_types: layer {i} has {kinds[i]}, and in architecture {family.Architecture} {expected}");
        }
        return window ?? throw config.Unsupported($"sliding_window: expected a number: the architecture {family.Architecture} has one");
    }

    private static void CheckEvery(CheckedJson config, ModelFamily family)
    {
        foreach (string key in (string[])["sliding_window_pattern", "_sliding_window_pattern"])
            if (config.TryGet(key, out _) && config.Int(key, 1, int.MaxValue) is var every && every != family.FullEvery)
                throw config.Unsupported($"{key}: expected {family.FullEvery}, found {every}, which architecture {family.Architecture} does not have");
    }
}
