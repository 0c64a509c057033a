using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Threading;

/// <summary>Quotas in made-up hierarchies of both versions.</summary>
[TestClass]
public sealed class CgroupQuotaTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edge llm-").FullName; // the space is \040 in mountinfo

    [TestCleanup]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    [DataRow("max 100000", "100000 100000", "max 100000", 1)] // own, above, two above
    [DataRow("max 100000", "max 100000", "250000 100000", 3)]
    [DataRow("200000 100000", "400000 100000", "300000 100000", 2)]
    [DataRow("400000 100000", "max 100000", "50000 100000", 1)]
    [DataRow("max 100000", "max 100000", "max 100000", int.MaxValue)]
    [DataRow("", "x y", "0 100000", int.MaxValue)]
    public void VersionTwo(string own, string above, string twoAbove, int expected)
    {
        Write("one/two/three/cpu.max", own);
        Write("one/two/cpu.max", above);
        Write("one/cpu.max", twoAbove);
        Assert.AreEqual(expected, Processors("0::/one/two/three\n", $"24 1 0:21 / {Escaped} rw,nosuid - cgroup2 cgroup2 rw\n"));
        Assert.AreEqual(expected, Processors("0::/out/one/two/three\n", $"24 1 0:21 /out {Escaped} rw shared:5 master:1 - cgroup2 cgroup rw\n"), "a part of the hierarchy is mounted");
    }

    [TestMethod]
    [DataRow("-1", "100000", "-1", 1)]
    [DataRow("-1", "-1", "150000", 2)]
    [DataRow("200000", "-1", "-1", 2)]
    [DataRow("-1", "-1", "-1", int.MaxValue)]
    public void VersionOne(string own, string above, string root, int expected)
    {
        foreach ((string group, string quota) in (ReadOnlySpan<(string, string)>)[("a/b", own), ("a", above), (".", root)])
        {
            Write($"{group}/cpu.cfs_quota_us", quota);
            Write($"{group}/cpu.cfs_period_us", "100000");
        }
        const string Groups = "5:memory:/elsewhere\n4:cpu,cpuacct:/a/b\n3:cpuset:/\n0::/\n";
        Assert.AreEqual(expected, Processors(Groups, $"30 1 0:26 / /nowhere rw - cgroup cgroup rw,cpuset\n31 1 0:27 / {Escaped} rw - cgroup cgroup rw,cpu,cpuacct\n"));
    }

    [TestMethod]
    public void WhatCannotBeSeenDoesNotLimit()
    {
        Write("cpu.max", "200000 100000");
        string mount = $"24 1 0:21 / {Escaped} rw - cgroup2 cgroup2 rw\n";
        Assert.AreEqual(2, Processors("0::/../../other\n", mount), "outside the namespace: the mount's root is all there is");
        Assert.AreEqual(2, Processors("0::/\n", mount));
        Assert.AreEqual(int.MaxValue, Processors("0::/\n", ""));
        Assert.AreEqual(int.MaxValue, Processors("", mount));
        Assert.AreEqual(int.MaxValue, Processors("nonsense\n:::\n", "nonsense - cgroup2\n"));
        Assert.AreEqual(int.MaxValue, CgroupQuota.Processors("/no/such/file", "/no/such/file"));
    }

    private string Escaped => _folder.Replace(" ", "\\040", StringComparison.Ordinal);

    private int Processors(string groups, string mounts)
    {
        string groupFile = Path.Combine(_folder, "groups"), mountFile = Path.Combine(_folder, "mounts");
        File.WriteAllText(groupFile, groups);
        File.WriteAllText(mountFile, mounts);
        return CgroupQuota.Processors(groupFile, mountFile);
    }

    private void Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text + "\n");
    }
}
