using System.Runtime.InteropServices;
using Edge.Llm.Kernels;
using Edge.Llm.Sampling;

namespace Edge.Llm;

/// <summary>Chooses a token: logit bias, penalties, top-k, top-p, min-p, temperature, draw, in llama.cpp's order. A choice is a pure
/// function of the logits, the history, the seed, the choice number and the position. Not thread-safe: one a sequence.</summary>
public sealed class SamplerChain
{
    private readonly SamplingOptions _options;
    private readonly KeyValuePair<int, float>[] _bias;
    private readonly Ranking _ranking;
    private readonly int[] _occurrences;
    private readonly uint _choice;

    /// <summary>Makes a sampler for a vocabulary; <paramref name="choice"/> numbers the answers to one prompt.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: an option is out of range.</exception>
    public SamplerChain(SamplingOptions options, int vocabularySize, uint choice = 0)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _bias = options.LogitBias?.ToArray() ?? [];
        foreach ((int token, _) in _bias)
            if ((uint)token >= (uint)vocabularySize)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"logit bias for token {token}: the vocabulary has ids 0 to {vocabularySize - 1}");
        _ranking = new Ranking(vocabularySize);
        _occurrences = options.HasPenalties ? new int[vocabularySize] : [];
        _choice = choice;
        Seed = options.Seed ?? RandomSeed();
    }

    /// <summary>The seed in use: the options' own, or the one taken at random.</summary>
    public ulong Seed { get; }

    /// <summary>How many tokens were left to draw from the last time.</summary>
    internal int CandidateCount { get; private set; }

    /// <summary>The candidate of a rank the last time; 0 was the likeliest.</summary>
    internal int Candidate(int rank) => _ranking.TokenAt(rank);

    /// <summary>Chooses the token at <paramref name="position"/>; <paramref name="history"/> is every token before it. With a mask it chooses among
    /// the tokens that the mask allows.</summary>
    /// <exception cref="EdgeLlmException">NonFinite, if a logit is not a finite number. GrammarError, if the mask and the logit bias together
    /// leave no token.</exception>
    public int Sample(ReadOnlySpan<float> logits, ReadOnlySpan<int> history, long position, TokenMask? mask = null)
    {
        if (mask is not null && mask.VocabularySize != _ranking.Count)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"a mask of {mask.VocabularySize} tokens: expected {_ranking.Count}");
        if (logits.Length != _ranking.Count)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{logits.Length} logits: expected {_ranking.Count}, one a token");
        if (!Finite.All(logits)) ThrowNonFinite(logits);
        float[] adjusted = _ranking.Logits;
        logits.CopyTo(adjusted);
        _ranking.Reset();

        foreach ((int token, float bias) in _bias) adjusted[token] = Math.Min(adjusted[token] + bias, float.MaxValue);
        if (_options.HasPenalties) Penalize(adjusted, history);
        mask?.Apply(adjusted);

        int likeliest = ArgMax(adjusted);
        float max = adjusted[likeliest];
        if (max == float.NegativeInfinity)
            throw mask is null ? new EdgeLlmException(ErrorCode.InvalidArgument, "the logit bias bans every token of the vocabulary")
                : new EdgeLlmException(ErrorCode.GrammarError, "no token is left that the grammar allows and the logit bias does not ban");
        if (_options.Temperature <= 0)
        {
            CandidateCount = 1;
            return likeliest;
        }

        int count = TopK();
        count = TopP(count, max);
        count = MinP(count, max);
        CandidateCount = count;
        return Draw(count, max, Philox.Uniform(Seed, _choice, (ulong)position));
    }

    /// <summary>The likeliest token, the lowest id among equals.</summary>
    internal static int ArgMax(ReadOnlySpan<float> logits)
    {
        int best = 0;
        float max = logits[0];
        for (int id = 1; id < logits.Length; id++)
            if (logits[id] > max)
            {
                max = logits[id];
                best = id;
            }
        return best;
    }

    // Not from a cryptographic generator: .NET's needs OpenSSL on Linux, and ends the process where that is missing.
    private static ulong RandomSeed()
    {
        ulong seed = 0;
        Random.Shared.NextBytes(MemoryMarshal.AsBytes(new Span<ulong>(ref seed)));
        return seed;
    }

    // Each token among the last n: its count f and the formula
    // logit = (logit > 0 ? logit / repeat : logit * repeat) - f * frequency - presence.
    private void Penalize(float[] logits, ReadOnlySpan<int> history)
    {
        ReadOnlySpan<int> last = _options.RepeatLastN < 0 || history.Length <= _options.RepeatLastN ? history : history[^_options.RepeatLastN..];
        foreach (int token in last)
            if ((uint)token >= (uint)_occurrences.Length)
                throw new EdgeLlmException(ErrorCode.InvalidArgument, $"token {token} in the history: the vocabulary has ids 0 to {_occurrences.Length - 1}");
        foreach (int token in last) _occurrences[token]++;
        foreach (int token in last)
        {
            int count = _occurrences[token];
            if (count == 0) continue;
            _occurrences[token] = 0;
            float logit = logits[token];
            if (logit == float.NegativeInfinity) continue; // banned stays banned
            logit = logit > 0 ? logit / _options.RepeatPenalty : logit * _options.RepeatPenalty;
            logit -= count * _options.FrequencyPenalty + _options.PresencePenalty;
            logits[token] = Math.Min(logit, float.MaxValue);
        }
    }

    private int TopK()
    {
        int k = _options.TopK;
        if (k <= 0 || k >= _ranking.Count) return _ranking.Count;
        _ranking.Sort(k);
        return k;
    }

    private int TopP(int count, float max)
    {
        if (_options.TopP >= 1) return count;
        double target = _options.TopP * Total(count, max, 1), sum = 0;
        for (int rank = 0; rank < count; rank++)
        {
            sum += RankWeight(rank, max, 1);
            if (sum >= target) return rank + 1;
        }
        return count;
    }

    private int MinP(int count, float max)
    {
        if (_options.MinP <= 0) return count;
        int kept = 1;
        while (kept < count && RankWeight(kept, max, 1) >= _options.MinP) kept++;
        return kept;
    }

    // The candidate at which the running sum of weights passes a random part of their total; the last one that has a weight, if rounding
    // keeps the sum below it.
    private int Draw(int count, float max, double uniform)
    {
        bool whole = count == _ranking.Count;
        double target = uniform * Total(count, max, _options.Temperature), sum = 0;
        int drawn = 0;
        for (int i = 0; i < count; i++)
        {
            int token = whole ? i : _ranking.TokenAt(i);
            float weight = Weight(_ranking.Logits[token], max, _options.Temperature);
            if (weight == 0) continue;
            sum += weight;
            drawn = token;
            if (sum > target) break;
        }
        return drawn;
    }

    // Candidates count in the order of their ranks; the whole vocabulary in that of its ids, which needs no sorting.
    private double Total(int count, float max, float temperature)
    {
        double sum = 0;
        if (count < _ranking.Count)
            for (int rank = 0; rank < count; rank++) sum += RankWeight(rank, max, temperature);
        else
            foreach (float logit in _ranking.Logits) sum += Weight(logit, max, temperature);
        return sum;
    }

    private float RankWeight(int rank, float max, float temperature) => Weight(_ranking.Logits[_ranking.TokenAt(rank)], max, temperature);

    private static float Weight(float logit, float max, float temperature) => ScalarMath.Exp((logit - max) / temperature);

    private static void ThrowNonFinite(ReadOnlySpan<float> logits)
    {
        int id = 0;
        while (float.IsFinite(logits[id])) id++;
        throw new EdgeLlmException(ErrorCode.NonFinite, FormattableString.Invariant($"the logit of token {id} is {logits[id]}, not a finite number"));
    }
}
