namespace Edge.Llm.Conversion.Families;

/// <summary>LLaMA and what differs from it by little.</summary>
internal static class Llamas
{
    /// <summary>The table's rows.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
    [
        new("llama", "llama")
        {
            PermutesHeads = true, HasRopeFactors = true, MayBiasAttention = true, MayBiasFeedForward = true, SlidesUntold = true,
        },
        new("llama", "mistral")
        {
            PermutesHeads = true, HasRopeFactors = true, SlidesUntold = true, Defaults = """{"num_key_value_heads":8,"sliding_window":4096}""",
        },
        new("mistral3", "ministral3") { Epsilon = 1e-5, PermutesHeads = true, HasRopeFactors = true, HasYarnKeys = true, SlidesUntold = true },
        new("smollm3", "smollm3")
        {
            PermutesHeads = true, Describe = SmolLm3, Defaults = """{"num_key_value_heads":4,"tie_word_embeddings":true}""",
            Keys = KnownKeys.Config.With("no_rope_layers no_rope_layer_interval"),
        },
        new("granite", "granite")
        {
            PermutesHeads = true, HasRopeFactors = true, MayBiasAttention = true, MayBiasFeedForward = true, Describe = Granite,
            Keys = KnownKeys.Config.With("embedding_multiplier residual_multiplier attention_multiplier logits_scaling"),
        },
    ];

    // Readers rotate in all layers but each fourth.
    private static void SmolLm3(HfConfig config, ModelKeys keys)
    {
        config.Require("no_rope_layer_interval", 4);
        int[] rotates = config.Json.Ints("no_rope_layers");
        if (rotates.Length > 0 && !rotates.AsSpan().SequenceEqual([.. Enumerable.Range(0, config.Layers).Select(i => i % 4 == 3 ? 0 : 1)]))
            throw config.Json.Unsupported("no_rope_layers: expected a 0 for each fourth layer and 1 for the others, which is all that a GGUF file can say");
    }

    private static void Granite(HfConfig config, ModelKeys keys)
    {
        keys.Number("attention.scale", config.Json.Positive("attention_multiplier", 1));
        keys.Number("embedding_scale", config.Json.Positive("embedding_multiplier", 1));
        keys.Number("residual_scale", config.Json.Positive("residual_multiplier", 1));
        keys.Number("logit_scale", config.Json.Positive("logits_scaling", 1));
    }
}
