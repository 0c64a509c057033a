namespace Edge.Llm.Tests.Gguf;

[TestClass]
public class GgmlTypesTests
{
    [TestMethod]
    public void EveryNameParsesToItsOwnRow()
    {
        foreach (GgmlTypeInfo row in GgmlTypes.All)
        {
            Assert.IsTrue(GgmlTypes.TryParse(row.Name, out GgmlTypeInfo? found));
            Assert.AreEqual(row, found);
            Assert.AreEqual(row, GgmlTypes.Get(row.Type));
        }
    }
}
