using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

[TestClass]
public sealed class DoubleMathTests
{
    private readonly Random _random = new(7);

    [TestMethod]
    public void ExpIsAccurate()
    {
        for (int i = 0; i < 100_000; i++)
        {
            double x = (_random.NextDouble() * 1400) - 700;
            AssertClose(Math.Exp(x), DoubleMath.Exp(x), $"exp({x:R})");
            x /= 1000;
            AssertClose(Math.Exp(x), DoubleMath.Exp(x), $"exp({x:R})");
        }
        Assert.AreEqual(1.0, DoubleMath.Exp(0));
        Assert.AreEqual(0.0, DoubleMath.Exp(-1000));
        Assert.AreEqual(double.PositiveInfinity, DoubleMath.Exp(1000));
        Assert.IsTrue(double.IsNaN(DoubleMath.Exp(double.NaN)));
    }

    [TestMethod]
    public void LogIsAccurate()
    {
        for (int i = 0; i < 100_000; i++)
        {
            double x = Math.Exp((_random.NextDouble() * 1400) - 700);
            AssertClose(Math.Log(x), DoubleMath.Log(x), $"log({x:R})");
            x = 1 + ((_random.NextDouble() - 0.5) * Math.Pow(10, -_random.Next(14)));
            AssertClose(Math.Log(x), DoubleMath.Log(x), $"log({x:R})");
        }
        Assert.AreEqual(0.0, DoubleMath.Log(1));
        Assert.AreEqual(double.NegativeInfinity, DoubleMath.Log(0));
        Assert.AreEqual(double.PositiveInfinity, DoubleMath.Log(double.PositiveInfinity));
        Assert.IsTrue(double.IsNaN(DoubleMath.Log(-1)));
    }

    [TestMethod]
    public void PowIsAccurateWhereRotaryFrequenciesNeedIt()
    {
        foreach (double b in new[] { 1000.0, 10000, 500000, 1e6, 8e6 })
            for (double y = 0; y > -1; y -= 1.0 / 256)
                Assert.IsLessThan(4e-15, Math.Abs((DoubleMath.Pow(b, y) / Math.Pow(b, y)) - 1), $"{b}^{y}");
    }

    [TestMethod]
    public void SinAndCosAreAccurate()
    {
        for (int i = 0; i < 200_000; i++)
        {
            double x = (_random.NextDouble() - 0.5) * Math.Pow(10, _random.Next(1, 9));
            (double sin, double cos) = DoubleMath.SinCos(x);
            Assert.IsLessThan(4e-16, Math.Abs(sin - Math.Sin(x)), $"sin({x:R})");
            Assert.IsLessThan(4e-16, Math.Abs(cos - Math.Cos(x)), $"cos({x:R})");
        }
        Assert.AreEqual((0.0, 1.0), DoubleMath.SinCos(0));
    }

    private static void AssertClose(double expected, double found, string what) =>
        Assert.IsLessThanOrEqualTo(1e-15 * Math.Abs(expected), Math.Abs(found - expected), $"{what}: expected {expected:R}, found {found:R}");
}
