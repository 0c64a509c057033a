using Edge.Llm.Kernels;

namespace Edge.Llm.Models.Architectures;

/// <summary>What the user puts in place of a file's rotary frequencies: base, and factor on positions.</summary>
internal readonly record struct RopeOverride(float? FreqBase, float? FreqScale);

/// <summary>Reads an architecture's keys (<c>llama.block_count</c> for "block_count") and checks their ranges. The bounds are far
/// beyond any model and keep products of two of them within a long. Files that carry every key there is, set or not, have 0 or -1 where
/// one is not set.</summary>
internal sealed partial class Keys(GgufFile file, string architecture, RopeOverride rope)
{
    private GgufMetadata Metadata => file.Metadata;

    /// <summary>Whether a key is there.</summary>
    public bool Has(string key) => Metadata.Contains(Full(key));

    /// <summary>A count: 1..max.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, from here and all others.</exception>
    public int Count(string key, int max) => InRange(key, Metadata.GetInt32(Full(key)), 1, max);

    /// <summary>A count: 1..max, or the fallback where it is not set.</summary>
    public int Count(string key, int max, int fallback) => IsSet(key) ? Count(key, max) : fallback;

    /// <summary>A layer's count, 0..max: files give one number for all layers or one a layer.</summary>
    public int Count(int il, string key, int max)
    {
        GgufValue value = Metadata.Get(Full(key));
        if (!value.TryGetArray(out GgufArray array)) return InRange(key, Metadata.GetInt32(Full(key)), 0, max);
        OnePerLayer(key, array);
        return InRange(key, array.GetInt32s()[il], 0, max);
    }

    /// <summary>A layer's count, or the fallback where it is not set.</summary>
    public int Count(int il, string key, int max, int fallback) => IsSet(key) ? Count(il, key, max) : fallback;

    /// <summary>A finite number above 0.</summary>
    public float Positive(string key) => Checked(key, Metadata.GetFloat(Full(key)), value => value > 0, "a number above 0");

    /// <summary>A finite number above 0, or the fallback where it is not set.</summary>
    public float Positive(string key, float fallback) => NonNegative(key, 0) is > 0 and float value ? value : fallback;

    /// <summary>A finite number from 0 up.</summary>
    public float NonNegative(string key, float fallback) =>
        Checked(key, Metadata.GetFloat(Full(key), fallback), value => value >= 0, "a number from 0 up");

    /// <summary>A layer's number, finite; 0 where there is none.</summary>
    public float Number(int il, string key)
    {
        if (!Metadata.TryGet(Full(key), out GgufValue value)) return 0;
        if (!value.TryGetArray(out GgufArray array)) return Checked(key, Metadata.GetFloat(Full(key)), _ => true, "a number");
        OnePerLayer(key, array);
        return Checked(key, array.GetFloats()[il], _ => true, "a number");
    }

    /// <summary>A yes or no.</summary>
    public bool Flag(string key, bool fallback) => Metadata.GetBool(Full(key), fallback);

    /// <summary>A string.</summary>
    public string Text(string key, string fallback) => Metadata.GetString(Full(key), fallback);

    /// <summary>context_length.</summary>
    public int ContextLength => Count("context_length", 1 << 30);

    /// <summary>embedding_length.</summary>
    public int EmbeddingLength => Count("embedding_length", 1 << 20);

    /// <summary>The layers that are executed: the last ones of a file may be heads that predict further tokens.</summary>
    public int LayerCount
    {
        get
        {
            int ahead = Count("nextn_predict_layers", 1 << 12, 0);
            return BlockCount > ahead ? BlockCount - ahead : throw Invalid("nextn_predict_layers", $"fewer than {BlockCount} layers", $"{ahead}");
        }
    }

    /// <summary>feed_forward_length of a layer; 0 where it has no network.</summary>
    public int FeedForwardLength(int il) => Count(il, "feed_forward_length", 1 << 22, 0);

    /// <summary>attention.layer_norm_rms_epsilon, or the other norm's.</summary>
    public float RmsEpsilon => NonNegative("attention.layer_norm_rms_epsilon", LayerNormEpsilon);

    /// <summary>attention.layer_norm_epsilon.</summary>
    public float LayerNormEpsilon => NonNegative("attention.layer_norm_epsilon", 1e-5f);

    /// <summary>A layer's xIELU; its keys bear no architecture's name. Its slopes are softplus of what the file has.</summary>
    public Activation Xielu(int il)
    {
        float Of(string key)
        {
            GgufArray array = Metadata.GetArray("xielu." + key);
            if (array.Count != BlockCount)
                throw new EdgeLlmException(ErrorCode.InvalidFile, $"{file.Path}: key xielu.{key}: expected {BlockCount} values, found {array.Count}");
            return array.GetFloats()[il];
        }
        double Softplus(float x) => x > 20 ? x : DoubleMath.Log(1 + DoubleMath.Exp(x));
        float beta = Of("beta");
        return new Activation(Elementwise.Xielu, (float)Softplus(Of("alpha_p")), (float)(beta + Softplus(Of("alpha_n"))), beta, Of("eps"));
    }

    /// <summary>attention.causal: whether a token sees only those before it.</summary>
    public bool IsCausal => Flag("attention.causal", true);

    /// <summary>pooling_type.</summary>
    public Pooling PoolingType => (Pooling)Count("pooling_type", (int)Pooling.Rank, (int)Pooling.None);

    /// <summary>An error about a key's value.</summary>
    public EdgeLlmException Invalid(string key, string expected, string found) =>
        new(ErrorCode.InvalidFile, $"{file.Path}: key {Full(key)}: expected {expected}, found {found}");

    private int BlockCount => Count("block_count", 1 << 12);

    // 0 and -1, the latter also as an unsigned number, say that a key is not set.
    private bool IsSet(string key) =>
        Metadata.TryGet(Full(key), out GgufValue value)
        && !(value.TryGetInteger(out Int128 number) && (number == 0 || number == -1 || number == uint.MaxValue));

    private void OnePerLayer(string key, GgufArray array)
    {
        if (array.Count != BlockCount) throw Invalid(key, $"{BlockCount} values, one a layer", $"{array.Count}");
    }

    private int InRange(string key, int value, int min, int max) => value >= min && value <= max ? value : throw Invalid(key, $"{min} to {max}", $"{value}");

    private float Checked(string key, float value, Func<float, bool> valid, string expected) =>
        float.IsFinite(value) && valid(value) ? value : throw Invalid(key, expected, FormattableString.Invariant($"{value}"));

    private string Full(string key) => $"{architecture}.{key}";
}
