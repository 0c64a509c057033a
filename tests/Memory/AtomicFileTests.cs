using System.Diagnostics;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Memory;

/// <summary>Files that appear whole or not at all.</summary>
[TestClass]
public sealed class AtomicFileTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    [TestCleanup]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    [TestMethod]
    public void AFileAppearsWhenItIsComplete()
    {
        AtomicFile.Write(At("a"), stream =>
        {
            stream.Write("text"u8);
            stream.Flush();
            Assert.IsFalse(File.Exists(At("a")));
        });
        Assert.AreEqual("text", File.ReadAllText(At("a")));
        AtomicFile.Write(At("a"), stream => stream.Write("new"u8));
        Assert.AreEqual("new", File.ReadAllText(At("a")));
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void AFailureLeavesWhatWasThere()
    {
        File.WriteAllText(At("a"), "old");
        Assert.ThrowsExactly<InvalidOperationException>(() => AtomicFile.Write(At("a"), stream =>
        {
            stream.Write(new byte[100_000]);
            throw new InvalidOperationException();
        }));
        Assert.AreEqual("old", File.ReadAllText(At("a")));
        Assert.HasCount(1, Directory.GetFiles(_folder));
    }

    [TestMethod]
    public void SeveralFilesAppearTogether()
    {
        Assert.ThrowsExactly<InvalidOperationException>(() => AtomicFile.Write([(At("a"), stream => stream.Write("a"u8)), (At("b"), _ => throw new InvalidOperationException())]));
        Assert.IsEmpty(Directory.GetFiles(_folder));
        AtomicFile.Write([(At("a"), stream => stream.Write("a"u8)), (At("b"), _ => Assert.IsFalse(File.Exists(At("a"))))]);
        CollectionAssert.AreEquivalent((string[])[At("a"), At("b")], Directory.GetFiles(_folder));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void WhatIsInDevIsADeviceUnlessItIsInSharedMemory()
    {
        AtomicFile.Write("/dev/null", stream => stream.Write("text"u8));
        if (!Directory.Exists("/dev/shm")) Assert.Inconclusive("no /dev/shm");
        string folder = Path.Combine("/dev/shm", Path.GetRandomFileName());
        Directory.CreateDirectory(folder);
        try
        {
            string path = Path.Combine(folder, "a");
            AtomicFile.Write(path, stream =>
            {
                stream.Write("text"u8);
                Assert.IsFalse(File.Exists(path));
            });
            Assert.AreEqual("text", File.ReadAllText(path));
            CollectionAssert.AreEqual((string[])[path], Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void ALinkToADeviceLeadsToTheDevice()
    {
        File.CreateSymbolicLink(At("link"), "/dev/full");
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => AtomicFile.Write(At("link"), stream => stream.Write("text"u8)));
        StringAssert.Contains(error.Message, "No space left");
        Assert.HasCount(1, Directory.GetFileSystemEntries(_folder));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    public void ANamedPipeIsWrittenAsItIs()
    {
        using (Process make = Process.Start("mkfifo", [At("pipe")])) make.WaitForExit();
        File.CreateSymbolicLink(At("link"), At("pipe"));
        foreach (string name in (string[])["pipe", "link"])
        {
            Task<string> reading = Task.Run(() => File.ReadAllText(At("pipe")));
            AtomicFile.Write(At(name), stream => stream.Write("text"u8));
            Assert.IsTrue(reading.Wait(TimeSpan.FromSeconds(30)), "nothing came through the pipe");
            Assert.AreEqual("text", reading.Result);
        }
        Assert.HasCount(2, Directory.GetFileSystemEntries(_folder));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void AFullDiskIsTold()
    {
        using var disk = new SmallDisk(1 << 20);
        string path = Path.Combine(disk.Folder, "a");
        foreach (int chunk in (int[])[1 << 16, 100])
        {
            EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => AtomicFile.Write(path, stream =>
            {
                for (int i = 0; i < 4 << 20; i += chunk) stream.Write(new byte[chunk]);
            }));
            Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
            StringAssert.Contains(error.Message, $"cannot write {path}: ");
            Assert.IsEmpty(Directory.GetFileSystemEntries(disk.Folder));
        }
        // What fails is not told before the last bytes leave the buffer.
        Assert.ThrowsExactly<EdgeLlmException>(() => AtomicFile.Write(path, stream => stream.Write(new byte[(1 << 20) + 1])));
        Assert.IsEmpty(Directory.GetFileSystemEntries(disk.Folder));
    }
}
