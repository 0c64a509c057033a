using Edge.Llm.Models;
using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Models;

[TestClass]
public sealed unsafe class RopeTablesTests
{
    private static readonly RopeConfig s_plain = new() { Type = RopeType.Norm, Dimensions = 64, FreqBase = 10000, OriginalContextLength = 2048 };

    [TestMethod]
    public void AnglesFollowTheFormula()
    {
        AssertFrequencies(s_plain, [], i => Math.Pow(10000, -2.0 * i / 64));
        AssertFrequencies(s_plain with { FreqScale = 0.25f, FreqBase = 500000 }, [], i => 0.25 * Math.Pow(500000, -2.0 * i / 64));
        float[] factors = [.. Enumerable.Range(0, 32).Select(i => 1 + (i / 4f))];
        AssertFrequencies(s_plain, factors, i => Math.Pow(10000, -2.0 * i / 64) / factors[i]);
    }

    [TestMethod]
    public void LongContextsHaveTheirOwnFactors()
    {
        float[] brief = [.. Enumerable.Repeat(1f, 32)], extended = [.. Enumerable.Repeat(4f, 32)];
        RopeConfig config = s_plain with { OriginalContextLength = 2048, LongFactors = extended };
        AssertFrequencies(config, brief, i => Math.Pow(10000, -2.0 * i / 64), contextSize: 2048);
        AssertFrequencies(config, brief, i => Math.Pow(10000, -2.0 * i / 64) / 4, contextSize: 2049);
    }

    [TestMethod]
    public void YarnScalesSlowPairsAndKeepsFastOnes()
    {
        RopeConfig yarn = s_plain with { FreqScale = 0.25f, ExtFactor = 1, Magnitude = 1 + (0.1 * Math.Log(4)) };
        // The pair that turns t times in 2048 positions: 64 ln(2048 / (2 pi t)) / (2 ln 10000).
        double low = Math.Floor(64 * Math.Log(2048 / (2 * Math.PI * 32)) / (2 * Math.Log(10000)));
        double high = Math.Ceiling(64 * Math.Log(2048 / (2 * Math.PI)) / (2 * Math.Log(10000)));
        AssertFrequencies(yarn, [], i =>
        {
            double plain = Math.Pow(10000, -2.0 * i / 64), scaled = 1 - Math.Clamp((i - low) / (high - low), 0, 1);
            return (plain * scaled) + (0.25 * plain * (1 - scaled));
        });
        (float[] cos, float[] sin) = Fill(yarn, [0]);
        Assert.AreEqual((float)(1 + (0.1 * Math.Log(4))), cos[0], "cos grows by YaRN's magnitude");
        Assert.AreEqual(0f, sin[1]);
    }

    [TestMethod]
    public void TablesHoldEachPairTwiceWhereTheKernelsWantIt()
    {
        (float[] cos, float[] sin) = Fill(s_plain, [3, 1000000]);
        (float[] neoxCos, float[] neoxSin) = Fill(s_plain with { Type = RopeType.Neox }, [3, 1000000]);
        int[] positions = [3, 1000000];
        for (int t = 0; t < 2; t++)
        {
            for (int i = 0; i < 32; i++)
            {
                double angle = positions[t] * Math.Pow(10000, -2.0 * i / 64);
                Assert.AreEqual(Math.Cos(angle), cos[(64 * t) + (2 * i)], 1e-7);
                Assert.AreEqual(-Math.Sin(angle), sin[(64 * t) + (2 * i)], 1e-7);
                Assert.AreEqual(cos[(64 * t) + (2 * i)], cos[(64 * t) + (2 * i) + 1]);
                Assert.AreEqual(-sin[(64 * t) + (2 * i)], sin[(64 * t) + (2 * i) + 1]);
                Assert.AreEqual(cos[(64 * t) + (2 * i)], neoxCos[(64 * t) + i]);
                Assert.AreEqual(cos[(64 * t) + (2 * i)], neoxCos[(64 * t) + i + 32]);
                Assert.AreEqual(sin[(64 * t) + (2 * i)], neoxSin[(64 * t) + i]);
                Assert.AreEqual(sin[(64 * t) + (2 * i) + 1], neoxSin[(64 * t) + i + 32]);
            }
        }
    }

    [TestMethod]
    public void LayersOfEqualConfigurationsShareATable()
    {
        Workspace workspace = Workspace.Measure(8, 1, _ => 0);
        var tables = new RopeTables(workspace, 128);
        Assert.AreSame(tables.Of(s_plain), tables.Of(s_plain with { FreqBase = 10000 }));
        Assert.AreNotSame(tables.Of(s_plain), tables.Of(s_plain with { FreqBase = 1000000 }));
    }

    private static void AssertFrequencies(RopeConfig config, float[] factors, Func<int, double> expected, int contextSize = 128)
    {
        ReadOnlySpan<double> found = new RopeTable(config with { Factors = factors }, Workspace.Measure(1, 1, _ => 0), contextSize).Frequencies;
        for (int i = 0; i < found.Length; i++) Assert.AreEqual(expected(i), found[i], 1e-14 * expected(i), $"pair {i}");
    }

    private static (float[] Cos, float[] Sin) Fill(RopeConfig config, int[] positions)
    {
        using var pool = new WorkerPool(2);
        using Workspace workspace = Workspace.Allocate(positions.Length, 2, workspace => new RopeTable(config, workspace, 128), out RopeTable table);
        fixed (int* p = positions) table.Fill(pool, p, positions.Length);
        return (new Span<float>(table.Cos.Data, positions.Length * 64).ToArray(), new Span<float>(table.Sin.Data, positions.Length * 64).ToArray());
    }
}
