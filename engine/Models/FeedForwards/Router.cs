using Edge.Llm.Kernels;

namespace Edge.Llm.Models;

/// <summary>How a router's logits become the weights of experts.</summary>
internal enum Gating
{
    /// <summary>Softmax over all experts.</summary>
    Softmax = 1,

    /// <summary>A sigmoid each.</summary>
    Sigmoid = 2,

    /// <summary>Softmax over the chosen ones.</summary>
    SoftmaxOfChosen = 3,

    /// <summary>The root of softplus each.</summary>
    RootSoftplus = 4,
}

/// <summary>How experts are chosen and weighed.</summary>
internal sealed record RouterConfig
{
    /// <summary>Experts.</summary>
    public required int Count { get; init; }

    /// <summary>Experts that each token uses.</summary>
    public required int Used { get; init; }

    /// <summary>What makes weights of logits.</summary>
    public required Gating Gating { get; init; }

    /// <summary>Whether the weights of the chosen ones are divided by their sum.</summary>
    public bool Normalize { get; init; }

    /// <summary>Factor on the weights.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>Groups of experts, of which only the best are chosen from.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Groups to choose from.</summary>
    public int GroupsUsed { get; init; } = 1;

    /// <summary>Whether logits are compared when choosing, not the weights.</summary>
    public bool ChooseByLogit { get; init; }
}

/// <summary>Chooses experts for each token.</summary>
internal sealed unsafe class Router(RouterConfig config, Tensor? choiceBias)
{
    private const float SmallestSum = 6.103515625e-5f; // the smallest normal half

    /// <summary>Of a row of logits, the experts to use, ascending, and their weights.</summary>
    public void Choose(Span<float> logits, Span<int> experts, Span<float> weights)
    {
        Span<float> p = stackalloc float[logits.Length], choice = stackalloc float[logits.Length];
        Weigh(logits, p);
        (config.ChooseByLogit || config.Gating == Gating.SoftmaxOfChosen ? logits : p).CopyTo(choice);
        if (choiceBias is { } bias)
            for (int e = 0; e < choice.Length; e++) choice[e] += ((float*)bias.Pointer)[e];
        if (config.GroupsUsed < config.Groups) HideGroups(choice);
        for (int i = 0; i < experts.Length; i++)
        {
            experts[i] = Largest(choice);
            choice[experts[i]] = float.NegativeInfinity;
        }
        experts.Sort();
        for (int i = 0; i < experts.Length; i++) weights[i] = p[experts[i]];
        if (config.Gating == Gating.SoftmaxOfChosen) Softmax(weights, weights);
        if (config.Normalize) Divide(weights);
        if (config.Scale is not (0 or 1))
            for (int i = 0; i < weights.Length; i++) weights[i] *= config.Scale;
    }

    private void Weigh(ReadOnlySpan<float> logits, Span<float> p)
    {
        switch (config.Gating)
        {
            case Gating.Softmax: Softmax(logits, p); break;
            case Gating.Sigmoid: for (int e = 0; e < p.Length; e++) p[e] = Sigmoid.Of(logits[e], null); break;
            case Gating.RootSoftplus: for (int e = 0; e < p.Length; e++) p[e] = MathF.Sqrt(Softplus.Of(logits[e], null)); break;
            default: logits.CopyTo(p); break;
        }
    }

    private static void Softmax(ReadOnlySpan<float> logits, Span<float> p)
    {
        float max = float.NegativeInfinity, sum = 0;
        foreach (float logit in logits) max = MathF.Max(max, logit);
        for (int e = 0; e < p.Length; e++) sum += p[e] = ScalarMath.Exp(logits[e] - max);
        for (int e = 0; e < p.Length; e++) p[e] /= sum;
    }

    private static void Divide(Span<float> weights)
    {
        float sum = 0;
        foreach (float weight in weights) sum += weight;
        sum = MathF.Max(sum, SmallestSum);
        for (int i = 0; i < weights.Length; i++) weights[i] /= sum;
    }

    // A group is worth the sum of its two best experts.
    private void HideGroups(Span<float> choice)
    {
        int size = choice.Length / config.Groups;
        Span<float> worth = stackalloc float[config.Groups];
        for (int group = 0; group < worth.Length; group++)
        {
            float first = float.NegativeInfinity, second = float.NegativeInfinity;
            foreach (float value in choice.Slice(group * size, size))
            {
                if (value > first) (first, second) = (value, first);
                else if (value > second) second = value;
            }
            worth[group] = size == 1 ? first : first + second;
        }
        for (int i = 0; i < config.GroupsUsed; i++) worth[Largest(worth)] = float.NaN; // used: never the largest again
        for (int group = 0; group < worth.Length; group++)
            if (!float.IsNaN(worth[group])) choice.Slice(group * size, size).Fill(float.NegativeInfinity);
    }

    // The first of the largest that is not taken yet.
    private static int Largest(ReadOnlySpan<float> values)
    {
        int best = -1;
        for (int i = 0; i < values.Length; i++)
            if (!float.IsNaN(values[i]) && (best < 0 || values[i] > values[best])) best = i;
        return Math.Max(best, 0);
    }
}
