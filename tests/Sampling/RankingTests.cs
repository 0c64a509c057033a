using Edge.Llm.Sampling;

namespace Edge.Llm.Tests.Sampling;

[TestClass]
public class RankingTests
{
    [TestMethod]
    [DataRow(1)]
    [DataRow(255)]
    [DataRow(256)]
    [DataRow(513)]
    [DataRow(5_000)]
    public void EveryPrefixIsThatOfAFullSort(int size)
    {
        var random = new Random(size);
        foreach (int distinct in (int[])[3, 1_000_000])
        {
            float[] logits = [.. Enumerable.Range(0, size).Select(_ => (random.Next(distinct) - distinct / 2) / 7f)];
            int[] expected = [.. Enumerable.Range(0, size).OrderByDescending(id => logits[id]).ThenBy(id => id)];
            foreach (int prefix in (int[])[1, Math.Min(40, size), Math.Min(300, size), size])
            {
                var ranking = new Ranking(size);
                logits.CopyTo(ranking.Logits, 0);
                ranking.Sort(prefix);
                for (int rank = 0; rank < prefix; rank++) Assert.AreEqual(expected[rank], ranking.TokenAt(rank));
            }
        }
    }

    [TestMethod]
    public void AscendingAndDescendingVocabulariesRankAlike()
    {
        const int Size = 20_000;
        var ranking = new Ranking(Size);
        for (int id = 0; id < Size; id++) ranking.Logits[id] = id;
        for (int rank = 0; rank < 1000; rank++) Assert.AreEqual(Size - 1 - rank, ranking.TokenAt(rank));
        for (int id = 0; id < Size; id++) ranking.Logits[id] = -id;
        ranking.Reset();
        for (int rank = 0; rank < 1000; rank++) Assert.AreEqual(rank, ranking.TokenAt(rank));
    }

    [TestMethod]
    public void NegativeZeroTiesWithZeroAndNegativeInfinityComesLast()
    {
        var ranking = new Ranking(4);
        ((float[])[float.NegativeInfinity, -0f, 0f, -1f]).CopyTo(ranking.Logits, 0);
        CollectionAssert.AreEqual((int[])[1, 2, 3, 0], Enumerable.Range(0, 4).Select(ranking.TokenAt).ToArray());
    }
}
