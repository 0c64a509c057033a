using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Conversion;

/// <summary>The networks after attention, by the names of their tensors: gated ones, with gate and up in one matrix, and mixtures of experts.</summary>
internal static class HfFeedForward
{
    public static double[][] Run(HfModel model, string p, double[][] h, HfSemantics semantics)
    {
        if (model.Find(p + "router.weight") is not null) return GptOss(model, p, h, semantics.ExpertsUsed);
        if (model.Find(p + "gate.weight") is not null) return Mixture(model, p, h, semantics);
        if (model.Find(p + "gate_up_proj.weight") is null)
            return HfForward.Linear(model, p + "down_proj", Gated(HfForward.Linear(model, p + "gate_proj", h), HfForward.Linear(model, p + "up_proj", h), semantics));
        double[][] both = HfForward.Linear(model, p + "gate_up_proj", h);
        int width = both[0].Length / 2;
        return HfForward.Linear(model, p + "down_proj", Gated(HfForward.Columns(both, 0, width), HfForward.Columns(both, width, width), semantics));
    }

    private static double[][] Gated(double[][] gate, double[][] up, HfSemantics semantics) =>
        [.. gate.Zip(up, (g, u) => g.Zip(u, (a, b) => semantics.Activation(a) * b).ToArray())];

    // Softmax over all, the best of them, weights that sum to 1.
    private static double[][] Mixture(HfModel model, string p, double[][] h, HfSemantics semantics) => [.. h.Select(row =>
    {
        (int Expert, double Weight)[] chosen = Choose(HfForward.Linear(model, p + "gate", [row])[0], semantics.ExpertsUsed);
        return Sum(chosen, expert =>
        {
            string e = $"{p}experts.{expert}.";
            return HfForward.Linear(model, e + "down_proj",
                Gated(HfForward.Linear(model, e + "gate_proj", [row]), HfForward.Linear(model, e + "up_proj", [row]), semantics))[0];
        });
    })];

    // Matrices [experts, inputs, outputs]; gate and up take turns.
    private static double[][] GptOss(HfModel model, string p, double[][] h, int used) => [.. h.Select(row =>
    {
        (int Expert, double Weight)[] chosen = Choose(HfForward.Linear(model, p + "router", [row])[0], used);
        return Sum(chosen, expert =>
        {
            double[] both = Times(model, p + "experts.gate_up_proj", expert, row);
            double[] inner = [.. both.Chunk(2).Select(pair =>
            {
                double gate = Math.Min(pair[0], 7), up = Math.Clamp(pair[1], -7, 7);
                return gate / (1 + Math.Exp(-1.702 * gate)) * (up + 1);
            })];
            return Times(model, p + "experts.down_proj", expert, inner);
        });
    })];

    private static double[] Times(HfModel model, string name, int expert, double[] x)
    {
        float[] weight = model.Find(name)!, bias = model.Find(name + "_bias")!;
        int experts = HfFamilies.Experts, outputs = bias.Length / experts, first = expert * x.Length * outputs;
        return [.. Enumerable.Range(0, outputs).Select(o => bias[(expert * outputs) + o] + x.Select((value, i) => value * weight[first + (i * outputs) + o]).Sum())];
    }

    // The softmax over the chosen ones is that over all, made to sum to 1.
    private static (int Expert, double Weight)[] Choose(double[] logits, int used)
    {
        int[] best = [.. Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).Take(used)];
        double sum = best.Sum(i => Math.Exp(logits[i]));
        return [.. best.Select(i => (i, Math.Exp(logits[i]) / sum))];
    }

    private static double[] Sum((int Expert, double Weight)[] chosen, Func<int, double[]> run) =>
        chosen.Select(expert => HfForward.Scale([run(expert.Expert)], expert.Weight)).Aggregate(HfForward.Add)[0];
}
