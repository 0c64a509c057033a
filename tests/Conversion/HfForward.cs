using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>The forward pass as Hugging Face's models define it (llama, mistral, qwen2, qwen3), written plainly over the checkpoint's own names and
/// layout: what a converted file must compute.</summary>
internal static class HfForward
{
    /// <summary>Logits after every token; <paramref name="frequencies"/> are those of the rotary pairs.</summary>
    public static float[] Logits(HfModel model, int[] tokens, double[] frequencies)
    {
        int n = tokens.Length;
        double[][] x = [.. tokens.Select(token => Row(model.Find("model.embed_tokens.weight")!, token, HfModel.Hidden))];
        for (int layer = 0; layer < HfModel.Layers; layer++)
        {
            string p = $"model.layers.{layer}.";
            double[][] h = Norm(model, p + "input_layernorm.weight", x);
            double[][] q = Rotate(HeadNorm(model, p + "self_attn.q_norm.weight", Linear(model, p + "self_attn.q_proj", h)), model.HeadDim, frequencies);
            double[][] k = Rotate(HeadNorm(model, p + "self_attn.k_norm.weight", Linear(model, p + "self_attn.k_proj", h)), model.HeadDim, frequencies);
            double[][] attended = Attend(q, k, Linear(model, p + "self_attn.v_proj", h), model.HeadDim);
            x = Add(x, Linear(model, p + "self_attn.o_proj", attended));
            h = Norm(model, p + "post_attention_layernorm.weight", x);
            double[][] gate = Linear(model, p + "mlp.gate_proj", h), up = Linear(model, p + "mlp.up_proj", h);
            for (int t = 0; t < n; t++)
                for (int i = 0; i < gate[t].Length; i++) gate[t][i] = gate[t][i] / (1 + Math.Exp(-gate[t][i])) * up[t][i];
            x = Add(x, Linear(model, p + "mlp.down_proj", gate));
        }
        double[][] final = Norm(model, "model.norm.weight", x);
        string output = model.Find("lm_head.weight") is null ? "model.embed_tokens" : "lm_head";
        return [.. Linear(model, output, final).SelectMany(row => row.Select(value => (float)value))];
    }

    /// <summary>theta^(-2i / n), each divided by a factor.</summary>
    public static double[] Frequencies(int headDim, double theta, Func<double, double>? factor = null) =>
        [.. Enumerable.Range(0, headDim / 2).Select(i => Math.Pow(theta, -2.0 * i / headDim)).Select(f => f / (factor?.Invoke(f) ?? 1))];

    private static double[] Row(float[] matrix, int row, int width) => [.. matrix[(row * width)..((row + 1) * width)].Select(value => (double)value)];

    private static double[][] Linear(HfModel model, string name, double[][] x)
    {
        float[] weight = model.Find(name + ".weight")!;
        float[]? bias = model.Find(name + ".bias");
        int inputs = x[0].Length, outputs = weight.Length / inputs;
        return [.. x.Select(row => Enumerable.Range(0, outputs).Select(o =>
        {
            double sum = bias?[o] ?? 0;
            for (int i = 0; i < inputs; i++) sum += (double)weight[(o * inputs) + i] * row[i];
            return sum;
        }).ToArray())];
    }

    private static double[][] Norm(HfModel model, string name, double[][] x) => [.. x.Select(row => Norm(row, model.Find(name)!, model.Config["rms_norm_eps"]!.GetValue<double>()))];

    private static double[] Norm(double[] row, float[] weight, double epsilon)
    {
        double scale = 1 / Math.Sqrt(row.Average(value => value * value) + epsilon);
        return [.. row.Select((value, i) => value * scale * weight[i])];
    }

    private static double[][] HeadNorm(HfModel model, string name, double[][] x) => model.Find(name) is not { } weight ? x
        : [.. x.Select(row => row.Chunk(model.HeadDim).SelectMany(head => Norm(head, weight, model.Config["rms_norm_eps"]!.GetValue<double>())).ToArray())];

    // rotate_half: value i of a head is paired with value i + n / 2.
    private static double[][] Rotate(double[][] x, int headDim, double[] frequencies) => [.. x.Select((row, position) => row.Chunk(headDim).SelectMany(head =>
    {
        var rotated = new double[headDim];
        for (int i = 0; i < headDim / 2; i++)
        {
            (double sin, double cos) = Math.SinCos(position * frequencies[i]);
            double a = head[i], b = head[i + (headDim / 2)];
            (rotated[i], rotated[i + (headDim / 2)]) = ((a * cos) - (b * sin), (b * cos) + (a * sin));
        }
        return rotated;
    }).ToArray())];

    private static double[][] Attend(double[][] q, double[][] k, double[][] v, int headDim)
    {
        double[][] y = [.. q.Select(row => new double[row.Length])];
        for (int t = 0; t < q.Length; t++)
            for (int head = 0; head < HfModel.Heads; head++)
            {
                int kv = head / (HfModel.Heads / HfModel.HeadsKv);
                double[] weights = [.. Enumerable.Range(0, t + 1).Select(s =>
                    Math.Exp(Enumerable.Range(0, headDim).Sum(i => q[t][(head * headDim) + i] * k[s][(kv * headDim) + i]) / Math.Sqrt(headDim)))];
                double sum = weights.Sum();
                for (int s = 0; s <= t; s++)
                    for (int i = 0; i < headDim; i++) y[t][(head * headDim) + i] += weights[s] / sum * v[s][(kv * headDim) + i];
            }
        return y;
    }

    private static double[][] Add(double[][] x, double[][] y) => [.. x.Zip(y, (a, b) => a.Zip(b, (c, d) => c + d).ToArray())];
}
