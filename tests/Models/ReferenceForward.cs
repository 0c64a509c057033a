using Edge.Llm.Models;

namespace Edge.Llm.Tests.Models;

/// <summary>A forward pass over a spec of F32 tensors in double precision, one text, all positions: the formulas and nothing else.</summary>
internal sealed unsafe class ReferenceForward(ModelSpec spec)
{
    /// <summary>Logits after each token.</summary>
    public double[][] Logits(int[] tokens)
    {
        double[][] x = [.. tokens.Select(token => Row(spec.TokenEmbd, token))];
        foreach (LayerSpec layer in spec.Layers) x = Layer(layer, x);
        return [.. x.Select(row => Product(spec.Output, Norm(spec.OutputNorm, row)))];
    }

    private static double[][] Layer(LayerSpec layer, double[][] x)
    {
        double[][] h = [.. x.Select(row => Norm(layer.In, row))];
        double[][] a = Attention((AttentionSpec)layer.Mixer!, h);
        double[][] F(double[][] input) => [.. input.Select(row => Gated((GatedSpec)layer.Ffn!, row))];
        switch (layer.Topology)
        {
            case Topology.Parallel:
                double[][] f = F(layer.FfnIn is null ? h : [.. x.Select(row => Norm(layer.FfnIn, row))]);
                return [.. x.Select((row, i) => Sum(row, Sum(Norm(layer.AfterMixer, a[i]), Norm(layer.AfterFfn, f[i]))))];
            case Topology.AfterSum:
                x = [.. x.Select((row, i) => Norm(layer.AfterMixer, Sum(row, a[i])))];
                f = F([.. x.Select(row => Norm(layer.FfnIn, row))]);
                return [.. x.Select((row, i) => Norm(layer.AfterFfn, Sum(row, f[i])))];
            default:
                x = [.. x.Select((row, i) => Sum(row, Norm(layer.AfterMixer, a[i])))];
                f = F([.. x.Select(row => Norm(layer.FfnIn, row))]);
                return [.. x.Select((row, i) => Sum(row, Norm(layer.AfterFfn, f[i])))];
        }
    }

    private static double[][] Attention(AttentionSpec spec, double[][] h)
    {
        AttentionConfig c = spec.Config;
        double[][] q = [.. h.Select((row, p) => Rope(c, Product(spec.Q, row), p))], k = [.. h.Select((row, p) => Rope(c, Product(spec.K!, row), p))];
        double[][] v = [.. h.Select(row => Product(spec.V!, row))];
        var result = new double[h.Length][];
        for (int p = 0; p < h.Length; p++)
        {
            var heads = new double[c.HeadCount * c.ValueLength];
            for (int head = 0; head < c.HeadCount; head++)
            {
                int kv = head / (c.HeadCount / c.HeadCountKv), first = Math.Max(0, p - c.Window + 1);
                if (c.Window == int.MaxValue) first = 0;
                double[] scores = [.. Enumerable.Range(first, p - first + 1).Select(at =>
                    c.Scale * Enumerable.Range(0, c.KeyLength).Sum(i => q[p][(head * c.KeyLength) + i] * k[at][(kv * c.KeyLength) + i]))];
                double max = scores.Max(), sum = scores.Sum(score => Math.Exp(score - max));
                for (int at = first; at <= p; at++)
                    for (int i = 0; i < c.ValueLength; i++)
                        heads[(head * c.ValueLength) + i] += Math.Exp(scores[at - first] - max) / sum * v[at][(kv * c.ValueLength) + i];
            }
            result[p] = Product(spec.Output, heads);
        }
        return result;
    }

    private static double[] Rope(AttentionConfig c, double[] row, int position)
    {
        RopeConfig rope = c.Rope!;
        for (int start = 0; start < row.Length; start += c.KeyLength)
            for (int i = 0; i < rope.Dimensions / 2; i++)
            {
                double angle = position * rope.FreqScale * Math.Pow(rope.FreqBase, -2.0 * i / rope.Dimensions);
                (double sin, double cos) = Math.SinCos(angle);
                (double a, double b) = (row[start + (2 * i)], row[start + (2 * i) + 1]);
                (row[start + (2 * i)], row[start + (2 * i) + 1]) = ((a * cos) - (b * sin), (a * sin) + (b * cos));
            }
        return row;
    }

    private static double[] Gated(GatedSpec spec, double[] row)
    {
        double[] gate = Product(spec.Gate, row), up = Product(spec.Up, row);
        return Product(spec.Down, [.. gate.Select((g, i) => g / (1 + Math.Exp(-g)) * up[i])]);
    }

    private static double[] Norm(Norm? norm, double[] row)
    {
        if (norm is null) return row;
        double mean = norm.Kind == NormKind.Layer ? row.Average() : 0;
        double scale = 1 / Math.Sqrt((row.Sum(value => (value - mean) * (value - mean)) / row.Length) + norm.Epsilon);
        double[]? weight = norm.Weight is { } w ? Row(w, 0) : null, bias = norm.Bias is { } b ? Row(b, 0) : null;
        return [.. row.Select((value, i) => ((value - mean) * scale * (weight?[i] ?? 1)) + (bias?[i] ?? 0))];
    }

    private static double[] Product(Linear linear, double[] x)
    {
        double[] bias = linear.Bias is { } b ? Row(b, 0) : new double[linear.OutputLength];
        return [.. Enumerable.Range(0, linear.OutputLength).Select(m => Row(linear.Weight, m).Zip(x, (w, value) => w * value).Sum() + bias[m])];
    }

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static double[] Row(Tensor tensor, long row)
    {
        var values = new ReadOnlySpan<float>(tensor.Pointer + (row * tensor.RowBytes), (int)tensor.Ne0);
        return Array.ConvertAll(values.ToArray(), value => (double)value);
    }
}
