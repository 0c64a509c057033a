using Edge.Llm.Cli;
using Edge.Llm.Cli.Models;
using Edge.Llm.Cli.Pull;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Pull;

/// <summary>The folder of a pull: one process has it, and a model is whole whenever the process is stopped.</summary>
[TestClass]
public sealed class StagingTests : IDisposable
{
    private const string Tag = "ETag: \"one\"";
    private static readonly byte[] s_model = PullFixture.Model();
    private readonly PullFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void APullStoppedAmongItsPartsGoesOn(bool goesOn)
    {
        byte[][] parts = SplitModel.Parts();
        using var server = new LoopbackServer((request, answer) => answer.File(request, parts[SplitModel.Number(request.Path)], headers: Tag));
        string url = server.Url + "big-00001-of-00002.gguf", obstacle = Path.Combine(_fixture.Folder.Path, "big-00002-of-00002.gguf");
        Directory.CreateDirectory(obstacle); // where the second part is to go
        Assert.Throws<IOException>(() => _fixture.Pull(server.Url, url));
        Directory.Delete(obstacle);
        Assert.AreEqual(1, _fixture.Folder.Find("big")!.Files.Count);
        if (goesOn)
        {
            int before = server.Requests.Length;
            (StoredModel model, _) = _fixture.Pull(server.Url, url);
            Assert.IsTrue(server.Requests[before..].All(request => request.IsProbe)); // both parts were there
            CollectionAssert.AreEqual(parts[0], File.ReadAllBytes(model.Files[0]));
            CollectionAssert.AreEqual(parts[1], File.ReadAllBytes(model.Files[1]));
            CollectionAssert.AreEqual(new[] { "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "big.json" }, _fixture.Files);
        }
        else
        {
            CommandLine.Result removed = CommandLine.Run(["remove", "big", "--models-dir", _fixture.Folder.Path]);
            Assert.AreEqual(0, removed.ExitCode, removed.Error);
            Assert.IsEmpty(_fixture.Files);
        }
    }

    [TestMethod]
    [DataRow("Big")]
    [DataRow("bIG")]
    public void AMoveStoppedAnywhereIsFinished(string name)
    {
        byte[][] parts = SplitModel.Parts();
        using var server = new LoopbackServer((request, answer) => answer.File(request, parts[SplitModel.Number(request.Path)], headers: Tag));
        string url = server.Url + "big-00001-of-00002.gguf";
        _fixture.Pull(server.Url, url, name: "Big");
        string[] files = _fixture.Files;
        for (int moved = 0; moved <= files.Length; moved++)
        {
            Stop("big", files, moved);
            int before = server.Requests.Length;
            (StoredModel model, bool fetched) = _fixture.Pull(server.Url, url, name: name);
            Assert.AreEqual(("Big", 2, false), (model.Name, model.Files.Count, fetched), $"{moved}");
            Assert.IsTrue(server.Requests[before..].All(request => request.IsProbe), $"{moved}");
            CollectionAssert.AreEqual(files, _fixture.Files, $"{moved}");
            for (int i = 0; i < parts.Length; i++) CollectionAssert.AreEqual(parts[i], File.ReadAllBytes(model.Files[i]), $"{moved}");
        }
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(2)]
    public void ANewerVersionStoppedOnItsWayIsTheModel(int moved)
    {
        byte[] sent = PullFixture.Model(seed: 2);
        using var server = new LoopbackServer((request, answer) => answer.File(request, sent, headers: $"ETag: \"{sent[^1]}\""));
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        byte[] record = File.ReadAllBytes(_fixture.Folder.RecordPath("x"));
        string[] files = _fixture.Files;
        sent = s_model;
        _fixture.Pull(server.Url, server.Url + "x.gguf");
        Stop("x", files, moved);
        if (moved < 1) File.WriteAllBytes(Path.Combine(_fixture.Folder.Path, "x.gguf"), PullFixture.Model(seed: 2));
        if (moved < 2) File.WriteAllBytes(_fixture.Folder.RecordPath("x"), record);
        Assert.IsFalse(_fixture.Pull(server.Url, server.Url + "x.gguf").Fetched);
        AssertPulled("x", s_model);
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(3)]
    public void WhatIsDeletedInPartIsNotMoved(int moved)
    {
        byte[][] parts = SplitModel.Parts();
        using var server = new LoopbackServer((request, answer) => answer.File(request, parts[SplitModel.Number(request.Path)], headers: Tag));
        _fixture.Pull(server.Url, server.Url + "big-00001-of-00002.gguf");
        Stop("big", _fixture.Files, moved);
        using (Staging staging = Staging.Open(_fixture.Folder, "big"))
        {
            staging.Clear();
            staging.FinishMove(_fixture.Folder);
        }
        Assert.HasCount(moved, _fixture.Files);
    }

    [TestMethod]
    public void ANameInOtherCaseIsTheSameModel()
    {
        byte[] sent = s_model;
        using var server = new LoopbackServer((request, answer) => answer.File(request, sent, headers: $"ETag: \"{sent[^1]}\""));
        _fixture.Pull(server.Url, server.Url + "x.gguf", name: "Mine");
        Assert.IsFalse(_fixture.Pull(server.Url, server.Url + "x.gguf", name: "mine").Fetched);
        UsageException error = Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, server.Url + "MINE.gguf"));
        StringAssert.Contains(error.Message, "there is a model Mine already");
        sent = PullFixture.Model(seed: 3);
        Assert.AreEqual("Mine", _fixture.Pull(server.Url, server.Url + "x.gguf", name: "MINE").Model.Name);
        CollectionAssert.AreEqual(new[] { "Mine.gguf", "Mine.json" }, _fixture.Files);
        AssertPulled("Mine", sent);
    }

    [TestMethod]
    public void TwoAtATimeDoNotMeet()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        using var server = new LoopbackServer((request, answer) =>
        {
            if (!request.IsProbe)
            {
                begun.Set();
                goOn.Wait();
            }
            answer.File(request, s_model, headers: Tag);
        });
        Task first = Task.Run(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        begun.Wait();
        UsageException error = Assert.ThrowsExactly<UsageException>(() => _fixture.Pull(server.Url, server.Url + "x.gguf"));
        StringAssert.Contains(error.Message, "another process is pulling x");
        goOn.Set();
        first.Wait();
        AssertPulled("x", s_model);
        Assert.IsFalse(_fixture.Pull(server.Url, server.Url + "x.gguf").Fetched);
    }

    // As a process leaves them that is killed when it has moved some of a model's files.
    private void Stop(string folder, string[] files, int moved)
    {
        string staging = Path.Combine(_fixture.Folder.Path, ".pulling", folder);
        Directory.CreateDirectory(staging);
        foreach (string file in files[moved..]) File.Move(Path.Combine(_fixture.Folder.Path, file), Path.Combine(staging, file));
        File.WriteAllText(Path.Combine(staging, files[0] + ".version"), "\"one\"");
        File.WriteAllLines(Path.Combine(staging, "moving"), files);
    }

    private void AssertPulled(string name, byte[] expected)
    {
        CollectionAssert.AreEqual(new[] { name + ".gguf", name + ".json" }, _fixture.Files);
        CollectionAssert.AreEqual(expected, File.ReadAllBytes(_fixture.Folder.Find(name)!.Path));
    }
}
