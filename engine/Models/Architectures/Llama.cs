namespace Edge.Llm.Models.Architectures;

/// <summary>LLaMA: Llama 1 to 3, Mistral and many others that are stored under its name.</summary>
internal static class Llama
{
    /// <summary>The table row.</summary>
    public static readonly Architecture Architecture = new("llama", ReadConfig, BindWeights);

    private static ModelConfig ReadConfig(GgufFile file)
    {
        var keys = new ConfigReader(file, "llama");
        if (keys.Has("expert_count") && keys.Count("expert_count", 1 << 16) > 1)
            throw new EdgeLlmException(ErrorCode.Unsupported, $"{file.Path}: key llama.expert_count: mixtures of experts are not supported");
        int contextLength = keys.Count("context_length", 1 << 30);
        int embeddingLength = keys.Count("embedding_length", 1 << 20);
        int headCount = keys.UniformCount("attention.head_count", 1 << 12);
        int headCountKv = keys.Has("attention.head_count_kv") ? keys.UniformCount("attention.head_count_kv", headCount) : headCount;
        if (headCount % headCountKv != 0) throw keys.Invalid("attention.head_count_kv", $"a divisor of {headCount} query heads", $"{headCountKv}");
        if (embeddingLength % headCount != 0 && !keys.Has("attention.key_length"))
            throw keys.Invalid("attention.head_count", $"a divisor of the embedding length {embeddingLength}", $"{headCount}");
        int keyLength = keys.Count("attention.key_length", 1 << 12, embeddingLength / headCount);
        return new ModelConfig
        {
            Architecture = "llama",
            VocabSize = keys.VocabSize(),
            ContextLength = contextLength,
            EmbeddingLength = embeddingLength,
            BlockCount = keys.Count("block_count", 1 << 12),
            FeedForwardLength = keys.UniformCount("feed_forward_length", 1 << 22),
            HeadCount = headCount,
            HeadCountKv = headCountKv,
            KeyLength = keyLength,
            ValueLength = keys.Count("attention.value_length", 1 << 12, embeddingLength / headCount),
            LayerNormRmsEpsilon = keys.NonNegative("attention.layer_norm_rms_epsilon", 1e-5f),
            AttentionScale = 1 / MathF.Sqrt(keyLength),
            Rope = keys.Rope(RopeType.Norm, keyLength, contextLength),
        };
    }

    private static unsafe Weights BindWeights(GgufFile file, ModelConfig config)
    {
        var tensors = new TensorBinder(file);
        int embd = config.EmbeddingLength, ff = config.FeedForwardLength;
        int q = config.HeadCount * config.KeyLength, k = config.HeadCountKv * config.KeyLength;
        int v = config.HeadCountKv * config.ValueLength, attn = config.HeadCount * config.ValueLength;

        Tensor tokenEmbd = tensors.Matrix("token_embd.weight", embd, config.VocabSize);
        var layers = new List<LayerWeights>(); // grows with what the file really holds
        for (int i = 0; i < config.BlockCount; i++)
        {
            layers.Add(new LayerWeights
            {
                AttnNorm = tensors.Vector($"blk.{i}.attn_norm.weight", embd),
                AttnQ = tensors.Matrix($"blk.{i}.attn_q.weight", embd, q),
                AttnK = tensors.Matrix($"blk.{i}.attn_k.weight", embd, k),
                AttnV = tensors.Matrix($"blk.{i}.attn_v.weight", embd, v),
                AttnOutput = tensors.Matrix($"blk.{i}.attn_output.weight", attn, embd),
                FfnNorm = tensors.Vector($"blk.{i}.ffn_norm.weight", embd),
                FfnGate = tensors.Matrix($"blk.{i}.ffn_gate.weight", embd, ff),
                FfnUp = tensors.Matrix($"blk.{i}.ffn_up.weight", embd, ff),
                FfnDown = tensors.Matrix($"blk.{i}.ffn_down.weight", ff, embd),
            });
        }
        float[] ropeFreqs = [];
        if (tensors.Has("rope_freqs.weight"))
        {
            Tensor factors = tensors.Vector("rope_freqs.weight", config.Rope.Dimensions / 2);
            ropeFreqs = new ReadOnlySpan<float>(factors.Pointer, (int)factors.Ne0).ToArray();
            if (Array.Exists(ropeFreqs, factor => !float.IsFinite(factor) || factor <= 0))
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: tensor rope_freqs.weight: expected factors above 0");
        }
        var weights = new Weights
        {
            TokenEmbd = tokenEmbd,
            Layers = [.. layers],
            OutputNorm = tensors.Vector("output_norm.weight", embd),
            Output = tensors.Has("output.weight") ? tensors.Matrix("output.weight", embd, config.VocabSize) : tokenEmbd,
            RopeFreqs = ropeFreqs,
        };
        tensors.RejectUnused("llama");
        return weights;
    }
}
