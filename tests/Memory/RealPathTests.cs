using Edge.Llm.Memory;

namespace Edge.Llm.Tests.Memory;

/// <summary>Names that are the same file.</summary>
[TestClass]
public sealed class RealPathTests
{
    private readonly string _folder = RealPath.Of(Directory.CreateTempSubdirectory().FullName);

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [TestMethod]
    public void WhatHasNoLinksStays()
    {
        File.WriteAllText(At("file"), "");
        foreach (string name in (string[])["file", "missing", "missing/file"]) Assert.AreEqual(At(name), RealPath.Of(At(name)));
        Assert.AreEqual(At("file"), RealPath.Of(At("./missing/../file")));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    public void LinksAreFollowedWhereverTheyStand()
    {
        Directory.CreateDirectory(At("real/inner"));
        File.WriteAllText(At("real/inner/file"), "");
        Directory.CreateSymbolicLink(At("folder"), At("real"));
        Directory.CreateSymbolicLink(At("again"), "folder"); // relative, and to a link
        File.CreateSymbolicLink(At("file"), "again/inner/file");
        foreach (string name in (string[])["folder/inner/file", "again/inner/file", "file"])
            Assert.AreEqual(At("real/inner/file"), RealPath.Of(At(name)), name);
        Assert.AreEqual(At("real/missing"), RealPath.Of(At("again/missing")));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    public void LinksInACircleEnd()
    {
        File.CreateSymbolicLink(At("a"), "b");
        File.CreateSymbolicLink(At("b"), "a");
        StringAssert.StartsWith(RealPath.Of(At("a/file")), _folder);
    }
}
