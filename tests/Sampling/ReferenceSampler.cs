using Edge.Llm.Sampling;

namespace Edge.Llm.Tests.Sampling;

/// <summary>The stages in double precision, each written as its definition says: slow and obvious.</summary>
internal sealed class ReferenceSampler(SamplingOptions options, uint choice = 0)
{
    private List<(int Token, double Logit)> _left = [];

    /// <summary>The smallest distance of a value to the limit that it was compared with, as a part of it.</summary>
    public double Margin { get; private set; }

    /// <summary>mu of Mirostat.</summary>
    public double Mu { get; private set; } = 2 * options.MirostatTau;

    /// <summary>Tokens and probabilities that are left to draw from, from the likeliest down.</summary>
    public (int Token, double Probability)[] Apply(float[] logits, int[] history, long position)
    {
        Margin = double.MaxValue;
        _left = [.. logits.Select((logit, token) => (token, logit + (double)(options.LogitBias?.GetValueOrDefault(token) ?? 0)))];
        Sort();
        if (options.Mirostat != 0)
        {
            Temperature();
            Mirostat(logits.Length);
        }
        else
            foreach (SamplerKind kind in options.Samplers)
                Stage(kind, history, position);
        double[] p = Probabilities();
        return [.. _left.Select((item, i) => (item.Token, p[i]))];
    }

    /// <summary>Moves mu by a token that was drawn.</summary>
    public void Accept((int Token, double Probability)[] left, int token) =>
        Mu -= options.MirostatEta * (-Math.Log2(left.Single(item => item.Token == token).Probability) - options.MirostatTau);

    private void Stage(SamplerKind kind, int[] history, long position)
    {
        switch (kind)
        {
            case SamplerKind.Penalties: Penalties(history); break;
            case SamplerKind.Dry: if (options.DryMultiplier > 0) Dry(history); break;
            case SamplerKind.TopNSigma: if (options.TopNSigma > 0) TopNSigma(); break;
            case SamplerKind.TopK: if (options.TopK > 0) Keep(Math.Min(options.TopK, _left.Count)); break;
            case SamplerKind.TypicalP: if (options.TypicalP < 1) Typical(); break;
            case SamplerKind.TopP: if (options.TopP < 1) TopP(); break;
            case SamplerKind.MinP: if (options.MinP > 0) KeepWhile(Probabilities(), Probabilities()[0] * options.MinP); break;
            case SamplerKind.Xtc: Xtc(position); break;
            default: Temperature(); break;
        }
    }

    private void Penalties(int[] history)
    {
        int[] last = options.RepeatLastN < 0 ? history : [.. history.TakeLast(options.RepeatLastN)];
        _left = [.. _left.Select(item =>
        {
            int count = last.Count(token => token == item.Token);
            if (count == 0) return item;
            double logit = item.Logit > 0 ? item.Logit / options.RepeatPenalty : item.Logit * options.RepeatPenalty;
            return (item.Token, logit - (count * options.FrequencyPenalty) - options.PresencePenalty);
        })];
        Sort();
    }

    private void Dry(int[] history)
    {
        int[] text = options.DryPenaltyLastN < 0 ? history : [.. history.TakeLast(options.DryPenaltyLastN)];
        _left = [.. _left.Select(item =>
        {
            int longest = 0;
            for (int at = 0; at < text.Length; at++) // the token once stood here
            {
                if (text[at] != item.Token) continue;
                int length = 0;
                while (length < at && text[at - 1 - length] == text[^(1 + length)]) length++;
                longest = Math.Max(longest, length);
            }
            return longest < options.DryAllowedLength ? item
                : (item.Token, item.Logit - (options.DryMultiplier * Math.Pow(options.DryBase, longest - options.DryAllowedLength)));
        })];
        Sort();
    }

    private void TopNSigma()
    {
        double mean = _left.Average(item => item.Logit), variance = _left.Average(item => Math.Pow(item.Logit - mean, 2));
        double least = _left[0].Logit - (options.TopNSigma * Math.Sqrt(variance));
        Near(_left.Min(item => Math.Abs(item.Logit - least)) / Math.Max(1e-9, Math.Sqrt(variance)));
        Keep(_left.Count(item => item.Logit >= least));
    }

    private void Typical()
    {
        double[] p = Probabilities();
        double entropy = -p.Sum(x => x > 0 ? x * Math.Log(x) : 0), sum = 0;
        var order = p.Select((x, rank) => (Distance: Math.Abs(-Math.Log(x) - entropy), rank)).OrderBy(item => item.Distance).ThenBy(item => item.rank).ToArray();
        for (int i = 1; i < order.Length; i++) Near(order[i].Distance - order[i - 1].Distance);
        var kept = new List<int>();
        foreach ((_, int rank) in order)
        {
            if (sum > options.TypicalP) break;
            Near(Math.Abs(sum - options.TypicalP));
            sum += p[rank];
            kept.Add(rank);
        }
        Near(Math.Abs(sum - options.TypicalP));
        _left = [.. kept.Order().Select(rank => _left[rank])];
    }

    private void TopP()
    {
        double[] p = Probabilities();
        double sum = 0;
        for (int rank = 0; rank < p.Length; rank++)
        {
            sum += p[rank];
            Near(Math.Abs(sum - options.TopP));
            if (sum < options.TopP) continue;
            Keep(rank + 1);
            return;
        }
    }

    private void Xtc(long position)
    {
        if (options.XtcProbability <= 0 || options.XtcThreshold > 0.5f || _left.Count < 2) return;
        if (Philox.Uniform(options.Seed!.Value, choice, (ulong)position, Draws.Xtc) > options.XtcProbability) return;
        double[] p = Probabilities();
        foreach (double x in p) Near(Math.Abs(x - options.XtcThreshold));
        int top = p.Count(x => x >= options.XtcThreshold);
        if (top > 1) _left.RemoveRange(0, top - 1);
    }

    private void Temperature()
    {
        double t = options.Temperature;
        if (options.DynamicTemperatureRange > 0 && _left.Count > 1)
        {
            double entropy = -Probabilities().Sum(p => p > 0 ? p * Math.Log(p) : 0) / Math.Log(_left.Count);
            double low = Math.Max(0, t - options.DynamicTemperatureRange), high = t + options.DynamicTemperatureRange;
            t = low + ((high - low) * Math.Pow(Math.Clamp(entropy, 0, 1), options.DynamicTemperatureExponent));
        }
        if (t <= 0) Keep(1);
        else _left = [.. _left.Select(item => (item.Token, item.Logit / t))];
    }

    private void Mirostat(int vocabulary)
    {
        double[] p = Probabilities();
        if (options.Mirostat == 2)
        {
            double[] surprise = [.. p.Select(x => -Math.Log2(x))];
            foreach (double x in surprise) Near(Math.Abs(x - Mu));
            Keep(Math.Max(1, surprise.TakeWhile(x => x <= Mu).Count()));
            return;
        }
        double products = 0, squares = 0;
        for (int i = 0; i < Math.Min(100, p.Length) - 1; i++)
        {
            double t = Math.Log((i + 2.0) / (i + 1)), b = Math.Log(p[i] / p[i + 1]);
            products += t * b;
            squares += t * t;
        }
        double s = products / squares, epsilon = s - 1, k = Math.Pow(epsilon * Math.Pow(2, Mu) / (1 - Math.Pow(vocabulary, -epsilon)), 1 / s);
        Near(Math.Abs(k - Math.Round(k)));
        Keep((int)Math.Clamp(k, 1, _left.Count));
    }

    private double[] Probabilities()
    {
        double[] weights = [.. _left.Select(item => Math.Exp(item.Logit - _left[0].Logit))];
        double total = weights.Sum();
        return Array.ConvertAll(weights, weight => weight / total);
    }

    private void KeepWhile(double[] p, double least)
    {
        foreach (double x in p) Near(Math.Abs(x - least) / least);
        Keep(p.Count(x => x >= least));
    }

    private void Keep(int count) => _left.RemoveRange(count, _left.Count - count);

    private void Sort() => _left = [.. _left.OrderByDescending(item => item.Logit).ThenBy(item => item.Token)];

    private void Near(double distance) => Margin = Math.Min(Margin, distance);
}
