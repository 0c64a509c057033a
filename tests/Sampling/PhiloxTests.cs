using Edge.Llm.Sampling;

namespace Edge.Llm.Tests.Sampling;

[TestClass]
public class PhiloxTests
{
    // The known answers that come with the authors' Random123 library.
    [TestMethod]
    public void MatchesTheKnownAnswers()
    {
        Assert.AreEqual((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), Philox.Block(0, 0, 0, 0, 0, 0));
        Assert.AreEqual((0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu), Philox.Block(~0u, ~0u, ~0u, ~0u, ~0u, ~0u));
        Assert.AreEqual((0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u),
            Philox.Block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0));
    }

    [TestMethod]
    public void UniformNumbersFillTheUnitIntervalEvenly()
    {
        const int Draws = 100_000, Bins = 100;
        int[] counts = new int[Bins];
        for (ulong position = 0; position < Draws; position++) counts[(int)(Philox.Uniform(7, 0, position) * Bins)]++;
        // 99 degrees of freedom: 99.99 % of true uniforms stay under 161.
        double expected = (double)Draws / Bins, chiSquare = counts.Sum(count => (count - expected) * (count - expected) / expected);
        Assert.IsTrue(chiSquare < 161, $"chi-square {chiSquare}");
    }

    [TestMethod]
    public void SeedChoiceAndPositionEachChangeTheDraw()
    {
        double draw = Philox.Uniform(1, 2, 3);
        Assert.AreEqual(draw, Philox.Uniform(1, 2, 3));
        Assert.AreNotEqual(draw, Philox.Uniform(2, 2, 3));
        Assert.AreNotEqual(draw, Philox.Uniform(1 | 1UL << 40, 2, 3));
        Assert.AreNotEqual(draw, Philox.Uniform(1, 3, 3));
        Assert.AreNotEqual(draw, Philox.Uniform(1, 2, 4));
        Assert.AreNotEqual(draw, Philox.Uniform(1, 2, 3 | 1UL << 40));
    }
}
