using System.Globalization;

namespace Edge.Llm.Quantization;

/// <summary>What a tensor is to its model, as far as a mix of types cares.</summary>
internal enum TensorRole
{
    /// <summary>Anything else.</summary>
    Other,

    /// <summary>The output matrix.</summary>
    Output,

    /// <summary>The token embedding, or one of several.</summary>
    TokenEmbedding,

    /// <summary>A key projection.</summary>
    AttnK,

    /// <summary>A value projection, alone or together with queries and keys.</summary>
    AttnV,

    /// <summary>An attention output projection.</summary>
    AttnOutput,

    /// <summary>A feed-forward down projection.</summary>
    FfnDown,
}

/// <summary>What llama.cpp's tensor names tell.</summary>
internal static class TensorNames
{
    /// <summary>Matrices that stay as they are: small ones, and those that are not multiplied with activations.</summary>
    private static readonly string[] s_kept =
    [
        "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj",
        "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight", "attn_rel_b.weight",
        "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight",
        "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight",
        "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight", "time_mix_lerp_fused.weight",
        ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
    ];

    private static readonly (string Part, TensorRole Role)[] s_roles =
    [
        ("attn_qkv.weight", TensorRole.AttnV), ("attn_kv_b.weight", TensorRole.AttnV), ("attn_v.weight", TensorRole.AttnV),
        ("attn_k.weight", TensorRole.AttnK), ("attn_output.weight", TensorRole.AttnOutput), ("ffn_down", TensorRole.FfnDown),
    ];

    /// <summary>Whether a tensor of two or three dimensions is quantized at all.</summary>
    public static bool IsQuantizable(string name) =>
        name.EndsWith("weight", StringComparison.Ordinal) && name is not ("position_embd.weight" or "token_types.weight")
        && !Array.Exists(s_kept, part => name.Contains(part, StringComparison.Ordinal));

    /// <summary>What a tensor is.</summary>
    public static TensorRole Role(string name)
    {
        if (name == "output.weight") return TensorRole.Output;
        if (name is "token_embd.weight" or "per_layer_token_embd.weight") return TensorRole.TokenEmbedding;
        foreach ((string part, TensorRole role) in s_roles)
            if (name.Contains(part, StringComparison.Ordinal))
                return role;
        return TensorRole.Other;
    }

    /// <summary>The layer of <c>blk.N.</c>, or -1.</summary>
    public static int Layer(string name)
    {
        const string Prefix = "blk.";
        if (!name.StartsWith(Prefix, StringComparison.Ordinal)) return -1;
        int dot = name.IndexOf('.', Prefix.Length);
        if (dot < 0) return -1;
        ReadOnlySpan<char> number = name.AsSpan(Prefix.Length, dot - Prefix.Length);
        return int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : -1;
    }
}
