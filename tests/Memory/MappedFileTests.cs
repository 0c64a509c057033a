using System.Diagnostics;
using System.IO.Pipes;
using Edge.Llm.Memory;

namespace Edge.Llm.Tests.Memory;

[TestClass]
public sealed class MappedFileTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-llm-mapped").FullName;

    [TestCleanup]
    public void Cleanup() => Directory.Delete(_folder, recursive: true);

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public unsafe void Bytes_are_the_files(bool map)
    {
        byte[] bytes = new byte[12345];
        new Random(1).NextBytes(bytes);
        using MappedFile file = MappedFile.Open(Write(bytes), map, lockPages: true);
        Assert.AreEqual(map, file.IsMapped);
        Assert.AreEqual(bytes.Length, file.Length);
        Assert.IsTrue(new ReadOnlySpan<byte>(file.Data, bytes.Length).SequenceEqual(bytes));
        file.Prefetch();
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void AnEmptyFileOpens(bool map)
    {
        using MappedFile file = MappedFile.Open(Write([]), map, lockPages: true);
        Assert.AreEqual(0, file.Length);
        file.Prefetch();
        file.CheckUnchanged();
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    public void NobodyWaitsForAPipe()
    {
        string pipe = Path.Combine(_folder, "pipe"), link = Path.Combine(_folder, "link");
        using (Process make = Process.Start("mkfifo", [pipe])) make.WaitForExit();
        File.CreateSymbolicLink(link, pipe);
        foreach (string path in (string[])[pipe, link])
        {
            Task<MappedFile> opening = Task.Run(() => MappedFile.Open(path));
            Assert.IsTrue(opening.Wait(TimeSpan.FromSeconds(30)), "still waiting");
            using MappedFile file = opening.Result;
            Assert.AreEqual(0, file.Length);
        }
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void AnOpenPipeIsRefused()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        string path = $"/proc/self/fd/{pipe.ClientSafePipeHandle.DangerousGetHandle()}";
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => MappedFile.Open(path));
        StringAssert.Contains(error.Message, "not a regular file");
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void APipeThatNobodyWritesToIsRefusedToo()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        pipe.DisposeLocalCopyOfClientHandle(); // to open it would be to wait for somebody who writes
        string path = $"/proc/self/fd/{pipe.SafePipeHandle.DangerousGetHandle()}";
        Task opening = Task.Run(() => MappedFile.Open(path));
        AggregateException error = Assert.ThrowsExactly<AggregateException>(() => Assert.IsTrue(opening.Wait(TimeSpan.FromSeconds(30)), "still waiting"));
        StringAssert.Contains(error.InnerException!.Message, "not a regular file");
    }

    [TestMethod]
    public unsafe void ItsBytesStayUntilTheLastUseHasEnded()
    {
        int released = 0;
        byte value = 5;
        MappedFile file = MappedFile.Over(&value, 1, "(memory)", () => released++);
        using (file.Hold())
        {
            file.Dispose();
            file.Dispose();
            Assert.AreEqual(0, released);
            Assert.ThrowsExactly<ObjectDisposedException>(() => { file.Hold(); });
        }
        Assert.AreEqual(1, released);
    }

    [TestMethod]
    public void ALinkedFileOpens()
    {
        string path = Write(new byte[100]), link = Path.Combine(_folder, "link");
        File.CreateSymbolicLink(link, path);
        using MappedFile file = MappedFile.Open(link);
        Assert.AreEqual(100, file.Length);
    }

    [TestMethod]
    public void AMappedFileThatShrankOrGrewIsNoticed()
    {
        string path = Write(new byte[10000]);
        using MappedFile file = MappedFile.Open(path);
        file.CheckUnchanged();
        Resize(path, 100);
        EdgeLlmException e = Assert.ThrowsExactly<EdgeLlmException>(file.CheckUnchanged);
        Assert.AreEqual(ErrorCode.InvalidFile, e.Code);
        StringAssert.Contains(e.Message, "10000 bytes and now has 100");
        Resize(path, 20000);
        Assert.ThrowsExactly<EdgeLlmException>(file.CheckUnchanged);
        Resize(path, 10000);
        file.CheckUnchanged();
    }

    [TestMethod]
    public void AnOwnedCopyDoesNotCareAboutTheFile()
    {
        string path = Write(new byte[10000]);
        using MappedFile file = MappedFile.Open(path, map: false);
        File.Delete(path);
        file.CheckUnchanged();
    }

    [TestMethod]
    public void AFileThatCannotBeOpenedSaysWhy()
    {
        Says(Path.Combine(_folder, "none.gguf"), "none.gguf: no such file");
        Says(Path.Combine(_folder, "no", "folder.gguf"), "folder.gguf: no such file");
        Says(_folder, "it is a directory");
        Says("", "not a valid path");
        Says("a\0b", "not a valid path");
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess) return;
        string path = Write([1]);
        File.SetUnixFileMode(path, UnixFileMode.None);
        Says(path, "permission denied");
    }

    private static void Says(string path, string text)
    {
        foreach (bool map in new[] { true, false })
        {
            EdgeLlmException e = Assert.ThrowsExactly<EdgeLlmException>(() => MappedFile.Open(path, map).Dispose());
            Assert.AreEqual(ErrorCode.InvalidFile, e.Code);
            StringAssert.Contains(e.Message, "cannot open ");
            StringAssert.Contains(e.Message, text);
        }
    }

    private static void Resize(string path, long length)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        stream.SetLength(length);
    }

    private string Write(byte[] bytes)
    {
        string path = Path.Combine(_folder, Path.GetRandomFileName());
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
