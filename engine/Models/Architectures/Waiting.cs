namespace Edge.Llm.Models.Architectures;

/// <summary>Architectures that are known and cannot be run, and why.</summary>
internal static class Waiting
{
    private const string Indexer = "attention that an indexer makes sparse", Streams = "several residual streams", Linear = "a linear attention of its own",
        Recurrence = "a recurrence of its own", Diffusion = "diffusion: text is not made token by token", Vision = "layers for images",
        Drafter = "it drafts for another model", Speech = "it makes or reads sound", Unmade = "no file of it has been tried";

    private static readonly Dictionary<string, string> s_reasons = new()
    {
        ["deepseek32"] = Indexer, ["glm-dsa"] = Indexer, ["minimax-m3"] = Indexer,
        ["deepseek4"] = Streams, ["kimi-k3"] = Streams, ["hy_v4"] = Streams,
        ["qwen4exp"] = Linear, ["dots3note"] = Linear, ["bailingmoe3"] = Linear, ["minimax-01"] = Linear,
        ["plamo2"] = Recurrence, ["plamo3"] = Recurrence, ["rwkv6"] = Recurrence, ["rwkv7"] = Recurrence, ["rwkv6qwen2"] = Recurrence, ["arwkv7"] = Recurrence,
        ["dream"] = Diffusion, ["llada"] = Diffusion, ["llada-moe"] = Diffusion, ["rnd1"] = Diffusion,
        ["t5"] = "a decoder that attends to an encoder", ["chameleon"] = Vision, ["cogvlm"] = Vision, ["clip"] = Vision,
        ["hrm_text"] = Recurrence, ["graniteswitch"] = "experts that switch as a whole",
        ["eagle3"] = Drafter, ["dflash"] = Drafter, ["gemma4-assistant"] = Drafter,
        ["qwen3tts"] = Speech, ["pockettts"] = Speech, ["wavtokenizer-dec"] = Speech,
        ["grovemoe"] = Unmade, ["talkie"] = Unmade, ["gptj"] = Unmade,
    };

    /// <summary>The names, in the order of the alphabet, with what each would need.</summary>
    public static IEnumerable<KeyValuePair<string, string>> All => s_reasons.OrderBy(pair => pair.Key, StringComparer.Ordinal);

    /// <summary>Why a name cannot be run, or null: it is not known.</summary>
    public static string? ReasonOf(string name) => s_reasons.GetValueOrDefault(name);
}
