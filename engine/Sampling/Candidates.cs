using System.Diagnostics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Sampling;

/// <summary>The tokens that are left to choose from, from the likeliest down, equal logits by ascending id. At first they are the whole vocabulary,
/// which is sorted only as far as a stage looks.</summary>
internal sealed class Candidates(int vocabularySize)
{
    private const int ManySorted = 1024;

    private readonly Ranking _ranking = new(vocabularySize);
    private int[] _listed = []; // by rank, once they are not neighbours in the ranking
    private bool _isListed;
    private int _first; // of them in the ranking
    private int _likeliest;

    /// <summary>Logits by id. A stage that changes them says so.</summary>
    public float[] Logits => _ranking.Logits;

    /// <summary>Whether the order is that of the logits.</summary>
    public bool AreRanked { get; private set; }

    /// <summary>How many are left.</summary>
    public int Count { get; private set; }

    /// <summary>What logits are divided by.</summary>
    public float Temperature { get; set; } = 1;

    /// <summary>The highest logit.</summary>
    public float Max { get; private set; }

    /// <summary>Whether nothing is left out.</summary>
    public bool IsWhole => Count == _ranking.Count;

    /// <summary>Begins with all tokens and these logits.</summary>
    public void Reset(ReadOnlySpan<float> logits)
    {
        logits.CopyTo(_ranking.Logits);
        (Count, _first, _isListed, AreRanked, Temperature) = (_ranking.Count, 0, false, false, 1);
    }

    /// <summary>Logits are about to change, of what is left: the temperature so far becomes part of them.</summary>
    public void BeginChange()
    {
        if (!AreRanked) return;
        if (!IsWhole && !_isListed) List();
        if (Temperature != 1)
        {
            if (IsWhole) for (int id = 0; id < _ranking.Count; id++) _ranking.Logits[id] /= Temperature;
            else foreach (int token in _listed.AsSpan(0, Count)) _ranking.Logits[token] /= Temperature;
        }
        (AreRanked, Temperature) = (false, 1);
    }

    /// <summary>Orders what is left by its logits.</summary>
    public void Rank()
    {
        if (_isListed) _listed.AsSpan(0, Count).Sort((a, b) => _ranking.Logits[a] != _ranking.Logits[b] ? _ranking.Logits[b].CompareTo(_ranking.Logits[a]) : a.CompareTo(b));
        else
        {
            _ranking.Reset();
            _likeliest = SamplerChain.ArgMax(_ranking.Logits);
        }
        AreRanked = true;
        Max = LogitAt(0);
    }

    /// <summary>The token of a rank; 0 is the likeliest.</summary>
    public int TokenAt(int rank) => _isListed ? _listed[rank] : _first + rank == 0 ? _likeliest : _ranking.TokenAt(_first + rank);

    /// <summary>The logit of a rank, before the temperature.</summary>
    public float LogitAt(int rank) => _ranking.Logits[TokenAt(rank)];

    /// <summary>exp((logit - Max) / Temperature) of a rank.</summary>
    public float WeightAt(int rank) => Weight(LogitAt(rank));

    /// <summary>The same of a logit.</summary>
    public float Weight(float logit) => ScalarMath.Exp((logit - Max) / Temperature);

    /// <summary>One of the tokens, each under one number below <see cref="Count"/>: by rank, but by id while nothing is left out, which needs no
    /// sorting.</summary>
    public int this[int i] => IsWhole ? i : TokenAt(i);

    /// <summary>The sum of weights, in the order of the numbers.</summary>
    public double Total()
    {
        double sum = 0;
        for (int i = 0; i < Count; i++) sum += Weight(_ranking.Logits[this[i]]);
        return sum;
    }

    /// <summary>The logarithm of a token's probability among what is left.</summary>
    /// <param name="token">The token.</param>
    /// <param name="logTotal">The logarithm of <see cref="Total"/>.</param>
    public float LogProbability(int token, double logTotal) => (float)((((double)_ranking.Logits[token] - Max) / Temperature) - logTotal);

    /// <summary>The likeliest of what is left, with the logarithms of their probabilities; none that is banned.</summary>
    public TokenLogProbability[] Top(int count, double logTotal)
    {
        var top = new List<TokenLogProbability>();
        for (int rank = 0; rank < Math.Min(count, Count) && LogitAt(rank) != float.NegativeInfinity; rank++)
            top.Add(new TokenLogProbability(TokenAt(rank), LogProbability(TokenAt(rank), logTotal)));
        return [.. top];
    }

    /// <summary>Keeps the likeliest.</summary>
    public void KeepFirst(int count)
    {
        Debug.Assert(count is > 0 && count <= Count);
        if (!_isListed && count is > 1 and <= ManySorted && count < Count) _ranking.Sort(_first + count); // of more, who looks at a rank sorts as far as that
        Count = count;
    }

    /// <summary>Leaves out the likeliest.</summary>
    public void DropFirst(int count)
    {
        Debug.Assert(count >= 0 && count < Count);
        if (count == 0) return;
        if (_isListed) _listed.AsSpan(count, Count - count).CopyTo(_listed);
        else _first += count;
        Count -= count;
        Max = LogitAt(0);
    }

    /// <summary>Keeps some, by their ranks in ascending order.</summary>
    public void KeepRanks(ReadOnlySpan<int> ranks)
    {
        Debug.Assert(!ranks.IsEmpty);
        if (_listed.Length < ranks.Length) Array.Resize(ref _listed, ranks.Length);
        for (int i = 0; i < ranks.Length; i++) _listed[i] = TokenAt(ranks[i]);
        (_isListed, Count) = (true, ranks.Length);
        Max = LogitAt(0);
    }

    private void List()
    {
        if (_listed.Length < Count) _listed = new int[Count];
        for (int rank = 0; rank < Count; rank++) _listed[rank] = _ranking.TokenAt(_first + rank);
        _isListed = true;
    }

    /// <summary>The token at which the running sum of weights passes a part of their total, 0 to 1; the last one that has a weight, if
    /// rounding keeps the sum below it.</summary>
    public int Draw(double uniform)
    {
        double target = uniform * Total(), sum = 0;
        int drawn = 0;
        for (int i = 0; i < Count; i++)
        {
            int token = this[i];
            float weight = Weight(_ranking.Logits[token]);
            if (weight == 0) continue;
            sum += weight;
            drawn = token;
            if (sum > target) break;
        }
        return drawn;
    }
}
