using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Threading;

[TestClass]
public sealed class CpuTopologyTests
{
    [TestMethod]
    public void DefaultIsAtLeastOneAndAtMostTheProcessors()
    {
        int threads = CpuTopology.DefaultThreads();
        Assert.IsGreaterThanOrEqualTo(1, threads);
        Assert.IsLessThanOrEqualTo(Environment.ProcessorCount, threads);
    }

    [TestMethod]
    [DataRow("0-3", "0,1,2,3")]
    [DataRow(" 0,2-4,9\n", "0,2,3,4,9")]
    [DataRow("", "")]
    [DataRow("x,1-y,7", "7")]
    public void ListsAreRead(string list, string expected) => Assert.AreEqual(expected, string.Join(',', CpuTopology.ParseList(list)));

    [TestMethod]
    public void SiblingsShareACore()
    {
        string root = Directory.CreateTempSubdirectory("edge-llm-").FullName;
        try
        {
            for (int i = 0; i < 8; i++)
            {
                string folder = Path.Combine(root, $"cpu{i}", "topology");
                Directory.CreateDirectory(folder);
                File.WriteAllText(Path.Combine(folder, "thread_siblings_list"), $"{i % 4},{(i % 4) + 4}\n");
            }
            Assert.AreEqual(4, CpuTopology.PhysicalCores(root, [0, 1, 2, 3, 4, 5, 6, 7]));
            Assert.AreEqual(2, CpuTopology.PhysicalCores(root, [1, 2, 5, 6]), "an affinity mask leaves two cores");
            Assert.AreEqual(0, CpuTopology.PhysicalCores(root, [70]), "unknown");
            File.WriteAllText(Path.Combine(root, "status"), "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t1-2,5\n");
            CollectionAssert.AreEqual(new[] { 1, 2, 5 }, CpuTopology.AllowedProcessors(Path.Combine(root, "status")).ToArray());
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
