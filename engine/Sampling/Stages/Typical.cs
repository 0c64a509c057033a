using Edge.Llm.Kernels;

namespace Edge.Llm.Sampling;

/// <summary>Keeps the tokens whose surprise is nearest to the expected one, until their probabilities pass p (locally typical sampling,
/// Meister and others, 2022).</summary>
internal sealed class Typical(float p) : ISamplerStage
{
    private (double Distance, int Rank)[] _order = [];
    private int[] _ranks = [];

    public void Apply(Candidates candidates, in SamplingStep step)
    {
        int count = candidates.Count;
        if (_order.Length < count) (_order, _ranks) = (new (double, int)[count], new int[count]);
        double total = candidates.Total(), logTotal = DoubleMath.Log(total), entropy = 0;
        for (int rank = 0; rank < count; rank++)
        {
            double surprise = Surprise(candidates, rank, logTotal);
            double probability = candidates.WeightAt(rank) / total;
            if (probability > 0) entropy += probability * surprise;
            _order[rank] = (surprise, rank);
        }
        for (int rank = 0; rank < count; rank++) _order[rank].Distance = Math.Abs(_order[rank].Distance - entropy);
        _order.AsSpan(0, count).Sort(); // equals by rank

        int kept = 0;
        for (double sum = 0; kept < count && sum <= p; kept++)
        {
            int rank = _order[kept].Rank;
            sum += candidates.WeightAt(rank) / total;
            _ranks[kept] = rank;
        }
        Span<int> ranks = _ranks.AsSpan(0, Math.Max(1, kept));
        ranks.Sort();
        candidates.KeepRanks(ranks);
    }

    // -log(probability); of a banned token infinite.
    private static double Surprise(Candidates candidates, int rank, double logTotal) =>
        logTotal - (((double)candidates.LogitAt(rank) - candidates.Max) / candidates.Temperature);
}
