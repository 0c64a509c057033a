using Edge.Llm.Evaluation;

namespace Edge.Llm.Tests.Evaluation;

[TestClass]
public sealed class StatisticsTests
{
    [TestMethod]
    public void MeanAndStandardErrorAreThoseOfTheFormulas()
    {
        var random = new Random(5);
        double[] values = [.. Enumerable.Range(0, 1000).Select(_ => 100 + random.NextDouble())];
        var mean = new RunningMean();
        foreach (double value in values) mean.Add(value);
        double expected = values.Average(), variance = values.Average(value => (value - expected) * (value - expected));
        Assert.AreEqual(1000, mean.Count);
        Assert.AreEqual(expected, mean.Mean, 1e-11);
        Assert.AreEqual(Math.Sqrt(variance / 999), mean.StandardError, 1e-12);
    }

    [TestMethod]
    public void OneValueHasNoStandardError()
    {
        var mean = new RunningMean();
        mean.Add(3);
        Assert.AreEqual(3, mean.Mean);
        Assert.IsTrue(double.IsNaN(mean.StandardError));
    }

    [TestMethod]
    public void QuantilesLieBetweenValues()
    {
        var result = new DivergenceResult();
        Assert.IsTrue(double.IsNaN(result.Quantile(0.5)));
        foreach (double kl in (double[])[4, 1, 3, 2]) result.Add(new RowScore { Kl = kl, SameTop1 = kl > 1 });
        Assert.AreEqual(2.5, result.Quantile(0.5));
        Assert.AreEqual(1, result.Quantile(0));
        Assert.AreEqual(4, result.Quantile(1));
        Assert.AreEqual(3.97, result.Quantile(0.99), 1e-12);
        Assert.AreEqual(2.5, result.Kl.Mean);
        Assert.AreEqual(0.75, result.SameTop1.Mean);
    }
}
