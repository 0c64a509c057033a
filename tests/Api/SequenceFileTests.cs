using System.Diagnostics;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

/// <summary>Sequences in files: whole or not at all, and no pipe is waited for.</summary>
[TestClass]
public sealed class SequenceFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edge-llm-states").FullName;
    private readonly TinyModel _file = new(GgmlType.F32, GgmlType.F32);
    private readonly LanguageModel _model;
    private readonly Context _context;
    private readonly Sequence _sequence, _other;

    public SequenceFileTests()
    {
        _model = LanguageModel.Open(_file.File);
        _context = _model.CreateContext(new ContextOptions { Threads = 1, MaxSequences = 2 });
        (_sequence, _other) = (_context.NewSequence(), _context.NewSequence());
        _context.Evaluate(_sequence, [.. Enumerable.Repeat(3, 400)], wantedFrom: 400);
    }

    public void Dispose()
    {
        _context.Dispose();
        _model.Dispose();
        _file.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string At(string name) => Path.Combine(_folder, name);

    [TestMethod]
    public void ASavedFileIsLoadedAndReplaced()
    {
        File.WriteAllBytes(At("state"), []); // as a temporary file is made
        foreach (int length in (int[])[400, 100])
        {
            _sequence.Trim(length);
            _context.Save(_sequence, At("state"));
            Assert.AreEqual(Context.SavedBytes(_sequence), new FileInfo(At("state")).Length);
            _context.Load(_other, At("state"));
            CollectionAssert.AreEqual(_sequence.Tokens.ToArray(), _other.Tokens.ToArray());
        }
        CollectionAssert.AreEqual((string[])[At("state")], Directory.GetFiles(_folder));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void AFullDiskLeavesTheFileThatWasThere()
    {
        using var disk = new SmallDisk(1 << 18);
        string path = Path.Combine(disk.Folder, "state");
        using Sequence little = _context.NewSequence();
        _context.Evaluate(little, [3, 4, 5], wantedFrom: 3);
        _context.Save(little, path);
        Assert.AreEqual(ErrorCode.InvalidFile, Assert.ThrowsExactly<EdgeLlmException>(() => _context.Save(_sequence, path)).Code);
        _context.Load(_other, path);
        Assert.AreEqual(3, _other.Length);
        Assert.HasCount(1, Directory.GetFiles(disk.Folder));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void PipesDevicesAndFoldersAreRefusedAtOnce()
    {
        using (Process make = Process.Start("mkfifo", [At("pipe")])) make.WaitForExit();
        File.CreateSymbolicLink(At("link"), At("pipe"));
        File.CreateSymbolicLink(At("null"), "/dev/null");
        foreach (string path in (string[])[At("pipe"), At("link"), At("null"), "/dev/zero", "/dev/full", _folder, "", At("no/such")])
        {
            Task refused = Task.Run(() =>
            {
                EdgeLlmException saving = Assert.ThrowsExactly<EdgeLlmException>(() => _context.Save(_sequence, path), path);
                EdgeLlmException loading = Assert.ThrowsExactly<EdgeLlmException>(() => _context.Load(_other, path), path);
                Assert.AreEqual((ErrorCode.InvalidFile, ErrorCode.InvalidFile), (saving.Code, loading.Code), path);
                StringAssert.StartsWith(saving.Message, $"cannot write {path}: ");
                StringAssert.StartsWith(loading.Message, $"cannot open {path}: ");
            });
            Assert.IsTrue(refused.Wait(TimeSpan.FromMinutes(1)), $"still waiting for {path}");
        }
        Assert.HasCount(3, Directory.GetFileSystemEntries(_folder), "nothing was made, and nothing replaced");
        StringAssert.Contains(Assert.ThrowsExactly<EdgeLlmException>(() => _context.Load(_other, _folder)).Message, "it is a directory");
    }

    [TestMethod]
    public void AnEmptyFileIsNoState()
    {
        File.WriteAllBytes(At("empty"), []);
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => _context.Load(_other, At("empty")));
        Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
        StringAssert.Contains(error.Message, "expected a regular file, found an empty file");
    }
}
