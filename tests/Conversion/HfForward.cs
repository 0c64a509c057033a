using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>What a family's class computes, where it is not what LLaMA's does.</summary>
internal sealed record HfSemantics
{
    /// <summary>Frequencies of the rotary pairs in a layer; null: none rotate.</summary>
    public required Func<int, double[]?> Frequencies { get; init; }

    /// <summary>A factor on what is rotated in a layer.</summary>
    public Func<int, double> Magnitude { get; init; } = _ => 1;

    /// <summary>Added to the weights of norms.</summary>
    public double NormPlus { get; init; }

    public double EmbeddingScale { get; init; } = 1;
    public double ResidualScale { get; init; } = 1;
    public double LogitDivisor { get; init; } = 1;
    public double? ScoreScale { get; init; }
    public double Softcap { get; init; }
    public double FinalSoftcap { get; init; }

    /// <summary>How many positions a layer sees.</summary>
    public Func<int, int> Window { get; init; } = _ => int.MaxValue;

    /// <summary>A factor on the queries of a position.</summary>
    public Func<int, double> Temperature { get; init; } = _ => 1;

    public Func<double, double> Activation { get; init; } = HfForward.Silu;

    /// <summary>Experts a token.</summary>
    public int ExpertsUsed { get; init; }
}

/// <summary>The forward pass as Hugging Face's models define it, written plainly over the checkpoint's own names and layout: what a converted file must
/// compute.</summary>
internal static class HfForward
{
    /// <summary>Logits after every token; <paramref name="frequencies"/> are those of the rotary pairs.</summary>
    public static float[] Logits(HfModel model, int[] tokens, double[] frequencies) => Logits(model, tokens, new HfSemantics { Frequencies = _ => frequencies });

    /// <summary>Logits after every token.</summary>
    public static float[] Logits(HfModel model, int[] tokens, HfSemantics semantics)
    {
        double plus = semantics.NormPlus;
        double[][] x = [.. tokens.Select(token => Row(model.Find("model.embed_tokens.weight")!, token, model.Width))];
        x = Scale(x, semantics.EmbeddingScale);
        for (int layer = 0; layer < model.LayerCount; layer++)
        {
            string p = $"model.layers.{layer}.";
            double[][] attended = Attention(model, p, Norm(model, p + "input_layernorm.weight", x, plus), layer, semantics);
            bool normsBranches = model.Find(p + "post_feedforward_layernorm.weight") is not null;
            if (normsBranches) attended = Norm(model, p + "post_attention_layernorm.weight", attended, plus);
            x = Add(x, Scale(attended, semantics.ResidualScale));
            double[][] fed = HfFeedForward.Run(model, p + "mlp.",
                Norm(model, p + (normsBranches ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight"), x, plus), semantics);
            if (normsBranches) fed = Norm(model, p + "post_feedforward_layernorm.weight", fed, plus);
            x = Add(x, Scale(fed, semantics.ResidualScale));
        }
        double[][] final = Norm(model, "model.norm.weight", x, plus);
        string output = model.Find("lm_head.weight") is null ? "model.embed_tokens" : "lm_head";
        return [.. Linear(model, output, final).SelectMany(row => row.Select(value => (float)Cap(value / semantics.LogitDivisor, semantics.FinalSoftcap)))];
    }

    /// <summary>theta^(-2i / n), each divided by a factor.</summary>
    public static double[] Frequencies(int headDim, double theta, Func<double, double>? factor = null) =>
        [.. Enumerable.Range(0, headDim / 2).Select(i => Math.Pow(theta, -2.0 * i / headDim)).Select(f => f / (factor?.Invoke(f) ?? 1))];

    public static double Silu(double x) => x / (1 + Math.Exp(-x));

    /// <summary>The form with tanh.</summary>
    public static double Gelu(double x) => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    /// <summary>A matrix and perhaps a bias, by name.</summary>
    public static double[][] Linear(HfModel model, string name, double[][] x) => Linear(x, model.Find(name + ".weight")!, model.Find(name + ".bias"));

    /// <summary>A matrix of rows as long as the inputs, and perhaps a bias.</summary>
    public static double[][] Linear(double[][] x, float[] weight, float[]? bias = null)
    {
        int inputs = x[0].Length, outputs = weight.Length / inputs;
        return [.. x.Select(row => Enumerable.Range(0, outputs).Select(o =>
        {
            double sum = bias?[o] ?? 0;
            for (int i = 0; i < inputs; i++) sum += (double)weight[(o * inputs) + i] * row[i];
            return sum;
        }).ToArray())];
    }

    /// <summary>Columns of rows.</summary>
    public static double[][] Columns(double[][] x, int first, int count) => [.. x.Select(row => row[first..(first + count)])];

    public static double[][] Add(double[][] x, double[][] y) => [.. x.Zip(y, (a, b) => a.Zip(b, (c, d) => c + d).ToArray())];

    public static double[][] Scale(double[][] x, double factor) => [.. x.Select(row => Array.ConvertAll(row, value => value * factor))];

    public static double[] Row(float[] matrix, int row, int width) => [.. matrix[(row * width)..((row + 1) * width)].Select(value => (double)value)];

    /// <summary>rotate_half: value i of the part of a head that rotates is paired with the one half of that part later.</summary>
    public static double[][] Rotate(double[][] x, int headDim, double[] frequencies, double magnitude = 1) => [.. x.Select((row, position) => row.Chunk(headDim).SelectMany(head =>
    {
        double[] rotated = [.. head];
        int half = frequencies.Length;
        for (int i = 0; i < half; i++)
        {
            (double sin, double cos) = Math.SinCos(position * frequencies[i]);
            double a = head[i] * magnitude, b = head[i + half] * magnitude;
            (rotated[i], rotated[i + half]) = ((a * cos) - (b * sin), (b * cos) + (a * sin));
        }
        return rotated;
    }).ToArray())];

    /// <summary>Weighted means of values; a query sees the positions that <paramref name="sees"/> says.</summary>
    public static double[][] Attend(double[][] q, double[][] k, double[][] v, int headDim, double scale, double softcap, float[]? sinks, Func<int, int, bool> sees)
    {
        double[][] y = [.. q.Select(row => new double[row.Length])];
        int heads = q[0].Length / headDim, group = heads / (k[0].Length / headDim);
        for (int t = 0; t < q.Length; t++)
            for (int head = 0; head < heads; head++)
            {
                int kv = head / group;
                double[] weights = [.. Enumerable.Range(0, q.Length).Select(s => !sees(t, s) ? 0
                    : Math.Exp(Cap(Enumerable.Range(0, headDim).Sum(i => q[t][(head * headDim) + i] * k[s][(kv * headDim) + i]) * scale, softcap)))];
                double sum = weights.Sum() + (sinks is null ? 0 : Math.Exp(sinks[head]));
                for (int s = 0; s < q.Length; s++)
                    for (int i = 0; i < headDim; i++) y[t][(head * headDim) + i] += weights[s] / sum * v[s][(kv * headDim) + i];
            }
        return y;
    }

    private static double[][] Attention(HfModel model, string p, double[][] h, int layer, HfSemantics semantics)
    {
        string a = p + "self_attn.";
        int headDim = model.HeadDim, width = HfModel.Heads * headDim, kv = HfModel.HeadsKv * headDim;
        bool fused = model.Find(a + "qkv_proj.weight") is not null;
        double[][] all = fused ? Linear(model, a + "qkv_proj", h) : [];
        double[][] q = fused ? Columns(all, 0, width) : Linear(model, a + "q_proj", h), k = fused ? Columns(all, width, kv) : Linear(model, a + "k_proj", h);
        double[][] v = fused ? Columns(all, width + kv, kv) : Linear(model, a + "v_proj", h);
        q = QkNorm(model, a + "q_norm.weight", q, semantics.NormPlus);
        k = QkNorm(model, a + "k_norm.weight", k, semantics.NormPlus);
        if (semantics.Frequencies(layer) is { } frequencies)
            (q, k) = (Rotate(q, headDim, frequencies, semantics.Magnitude(layer)), Rotate(k, headDim, frequencies, semantics.Magnitude(layer)));
        q = [.. q.Select((row, position) => Array.ConvertAll(row, value => value * semantics.Temperature(position)))];
        int window = semantics.Window(layer);
        double[][] attended = Attend(q, k, v, headDim, semantics.ScoreScale ?? (1 / Math.Sqrt(headDim)), semantics.Softcap, model.Find(a + "sinks"),
            (t, s) => s <= t && t - s < window);
        return Linear(model, a + "o_proj", attended);
    }

    // A norm that is not there changes nothing.
    private static double[][] Norm(HfModel model, string name, double[][] x, double plus) => model.Find(name) is not { } weight ? x
        : [.. x.Select(row => Norm(row, weight, model.Config["rms_norm_eps"]!.GetValue<double>(), plus))];

    private static double[] Norm(double[] row, float[] weight, double epsilon, double plus)
    {
        double scale = 1 / Math.Sqrt(row.Average(value => value * value) + epsilon);
        return [.. row.Select((value, i) => value * scale * (weight[i] + plus))];
    }

    // Of each head, or of all together.
    private static double[][] QkNorm(HfModel model, string name, double[][] x, double plus) => model.Find(name) is not { } weight ? x
        : [.. x.Select(row => row.Chunk(weight.Length).SelectMany(part => Norm(part, weight, model.Config["rms_norm_eps"]!.GetValue<double>(), plus)).ToArray())];

    private static double Cap(double value, double cap) => cap == 0 ? value : cap * Math.Tanh(value / cap);
}
