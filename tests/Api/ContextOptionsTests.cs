namespace Edge.Llm.Tests.Api;

[TestClass]
public sealed class ContextOptionsTests
{
    [TestMethod]
    [DataRow(-1, 1024, 1024)]
    [DataRow(-1, 131072, ContextOptions.DefaultContextSize)]
    [DataRow(0, 131072, 131072)]
    [DataRow(100, 64, 100)]
    public void TheContextSizeFollowsTheModel(int contextSize, int contextLength, int expected) =>
        Assert.AreEqual(expected, new ContextOptions { ContextSize = contextSize }.ContextSizeFor(contextLength));

    [TestMethod]
    public void ByDefaultItIsTheModelsOwnIfThatIsShort() => Assert.AreEqual(-1, new ContextOptions().ContextSize);
}
