using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Edge.Llm.Cli;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Pull;

/// <summary>Pull, list and remove as processes: stopped, killed, without room, two at a time.</summary>
[TestClass]
public sealed class PullCommandTests : IDisposable
{
    private const string Tag = "ETag: \"one\"";
    private const int Held = 60_000;
    private static readonly byte[] s_model = PullFixture.Model();
    private readonly PullFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [TestMethod]
    public void PullListAndRemove()
    {
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, headers: Tag));
        CommandLine.Result pulled = Run(server, "pull", $"{server.Url}x.gguf");
        Assert.AreEqual((0, $"x: 200.1 kB, in {Path.Combine(_fixture.Folder.Path, "x.gguf")}\n"), (pulled.ExitCode, pulled.Output), pulled.Error);
        Assert.AreEqual("edge-llm: pulling x, 200.1 kB, from 127.0.0.1\n", pulled.Error);
        StringAssert.StartsWith(Run(server, "pull", $"{server.Url}x.gguf").Output, "x: 200.1 kB, up to date, in ");
        using (JsonDocument json = JsonDocument.Parse(Run(server, "pull", $"{server.Url}x.gguf", "--name", "y", "--json").Output))
        {
            Assert.AreEqual(("y", true, (long)s_model.Length), (json.RootElement.GetProperty("name").GetString(), json.RootElement.GetProperty("fetched").GetBoolean(),
                json.RootElement.GetProperty("bytes").GetInt64()));
            Assert.AreEqual(PullFixture.Hash(s_model), json.RootElement.GetProperty("sha256")[0].GetString());
        }
        File.WriteAllText(Path.Combine(_fixture.Folder.Path, "bad.gguf"), "no model");
        CommandLine.Result list = Run(server, "list");
        string[] lines = list.Output.TrimEnd('\n').Split('\n');
        CollectionAssert.AreEqual((string[])["NAME", "SIZE", "QUANT", "ARCHITECTURE", "DATE", "SOURCE"], lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        CollectionAssert.AreEqual((string[])["bad", "8", "bytes", "?", "?", "-", "-"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        CollectionAssert.AreEqual((string[])["x", "200.1", "kB", "Q8_0", "llama", DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), $"{server.Url}x.gguf"],
            lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.AreEqual(0, list.ExitCode);
        StringAssert.StartsWith(list.Error, "edge-llm: bad cannot be used: ");
        using (JsonDocument json = JsonDocument.Parse(Run(server, "list", "--json").Output))
            CollectionAssert.AreEqual((string[])["bad", "x", "y"], json.RootElement.GetProperty("models").EnumerateArray().Select(model => model.GetProperty("name").GetString()).ToArray());
        CommandLine.AssertUsageError(Run(server, "remove", "xyz"), "no model 'xyz'", "did you mean x or y?");
        CommandLine.AssertUsageError(Run(server, "remove", "../x"), "no model '../x'");
        Assert.AreEqual("x: 200.1 kB deleted\n", Run(server, "remove", "X").Output);
        CollectionAssert.AreEqual((string[])["bad.gguf", "y.gguf", "y.json"], _fixture.Files);
        CommandLine.Result empty = Run(server, "list", "--models-dir", Path.Combine(_fixture.Folder.Path, "none"));
        Assert.AreEqual((0, ""), (empty.ExitCode, empty.Output));
        StringAssert.Contains(empty.Error, "edge-llm pull gets one");
    }

    [TestMethod]
    public void TheHostsOfTheEnvironmentAreAsked()
    {
        using var server = new LoopbackServer((request, answer) =>
        {
            if (request.Header("Authorization") != "Bearer hf_secret") answer.Status(401);
            else if (request.Path.StartsWith("/api/models/me/x/", StringComparison.Ordinal))
                answer.Text($"[{{\"type\":\"file\",\"path\":\"x.gguf\",\"size\":{s_model.Length}}}]");
            else answer.File(request, s_model, headers: Tag);
        });
        CommandLine.AssertUsageError(Run(server, "pull", "hf:me/x"), "HF_TOKEN", "(401)");
        CommandLine.Result result = CommandLine.Run(["pull", "hf:me/x"], null, [.. Environment(server), ("HF_TOKEN", "hf_secret")]);
        Assert.AreEqual(0, result.ExitCode, result.Error);
        CommandLine.AssertUsageError(CommandLine.Run(["pull", "ollama:x"], null, [.. Environment(server), ("EDGE_LLM_OLLAMA", "nowhere")]), "EDGE_LLM_OLLAMA: expected a URL");
    }

    [TestMethod]
    [DataRow("--name: expected letters", "--name", "../x")]
    [DataRow("--name: expected letters", "--name", ".x")]
    [DataRow("--name: expected letters", "--name", "")]
    [DataRow("--sha256: expected 64 hexadecimal digits, found 'abc'", "--sha256", "abc")]
    public void WrongOptions(string expected, params string[] options)
    {
        using var server = new LoopbackServer((_, answer) => answer.Status(404));
        CommandLine.AssertUsageError(Run(server, ["pull", $"{server.Url}x.gguf", .. options]), expected);
        Assert.IsEmpty(server.Requests);
    }

    [TestMethod]
    [DataRow("KILL")]
    [DataRow("INT")]
    [DataRow("TERM")]
    public void AStoppedProcessIsContinuedByAnother(string signal)
    {
        using var server = new HeldServer();
        using (Process process = CommandLine.Start(["pull", $"{server.Url}x.gguf"], Environment(server.Server)))
        {
            string part = Path.Combine(_fixture.Folder.Path, ".pulling", "x", "x.gguf");
            server.WaitForBytes(part);
            CommandLine.AssertUsageError(Run(server.Server, "pull", $"{server.Url}x.gguf"), "another process is pulling x");
            CommandLine.AssertUsageError(Run(server.Server, "remove", "x"), "another process is pulling x");
            if (signal == "KILL") process.Kill();
            else CommandLine.Signal(process, signal);
            string error = process.StandardError.ReadToEnd();
            Assert.IsTrue(process.WaitForExit(CommandLine.Patience));
            if (signal != "KILL") Assert.AreEqual((Failure.Interrupted, true), (process.ExitCode, error.EndsWith("edge-llm: stopped; the same command goes on from here\n", StringComparison.Ordinal)));
            Assert.AreEqual(Held, new FileInfo(part).Length);
        }
        server.Release();
        CommandLine.Result result = Run(server.Server, "pull", $"{server.Url}x.gguf");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.Contains(result.Error, "60.0 kB of it are there already");
        Assert.AreEqual(Held, server.Server.Requests[^1].RangeStart);
        CollectionAssert.AreEqual(s_model, File.ReadAllBytes(Path.Combine(_fixture.Folder.Path, "x.gguf")));
        CollectionAssert.AreEqual((string[])["x.gguf", "x.json"], _fixture.Files);
    }

    [TestMethod]
    public void AnUnfinishedPullIsRemoved()
    {
        using var server = new LoopbackServer((request, answer) => answer.File(request, s_model, request.RangeStart > 0 ? 0 : Held, Tag));
        Assert.ThrowsExactly<Edge.Llm.Cli.Pull.PullException>(() => _fixture.Pull(server.Url, $"{server.Url}x.gguf"));
        Assert.AreEqual("x: the unfinished pull is deleted\n", Run(server, "remove", "x").Output);
        Assert.IsEmpty(Directory.EnumerateFileSystemEntries(_fixture.Folder.Path));
    }

    [TestMethod]
    public void AServerThatFailsIsExitCodeOne()
    {
        using var server = new LoopbackServer((_, answer) => answer.Status(418));
        CommandLine.Result result = Run(server, "pull", $"{server.Url}x.gguf");
        Assert.AreEqual(1, result.ExitCode);
        CommandLine.AssertOneLine(result.Error);
        StringAssert.Contains(result.Error, "answers 418");
    }

    [TestMethod]
    public void AFullDiskKeepsWhatCame()
    {
        using var disk = new SmallDisk(1 << 20);
        byte[] large = PullFixture.Model(3 << 20);
        bool tellsLength = true;
        using var server = new LoopbackServer((request, answer) =>
        {
            if (tellsLength)
            {
                answer.File(request, large, headers: Tag);
                return;
            }
            answer.Head(200, Tag);
            if (!request.IsProbe) answer.Body(large);
        });
        (string, string)[] environment = [.. Environment(server), ("EDGE_LLM_MODELS", disk.Folder)];
        CommandLine.AssertUsageError(CommandLine.Run(["pull", $"{server.Url}x.gguf"], null, environment), "expected room for 3.1 MB more, found 1.0 MB");
        tellsLength = false;
        CommandLine.Result result = CommandLine.Run(["pull", $"{server.Url}x.gguf"], null, environment);
        Assert.AreEqual(2, result.ExitCode, result.Error);
        Assert.AreEqual(2, result.Error.TrimEnd('\n').Split('\n').Length, result.Error);
        Assert.IsGreaterThan(500_000, new FileInfo(Path.Combine(disk.Folder, ".pulling", "x", "x.gguf")).Length);
        CollectionAssert.AreEqual((string[])[Path.Combine(disk.Folder, ".pulling")], Directory.GetFileSystemEntries(disk.Folder));
    }

    [TestMethod]
    public void AFileThatMayNotBecomeLongerKeepsWhatCame()
    {
        byte[] large = PullFixture.Model(1 << 20);
        using var server = new LoopbackServer((request, answer) => answer.File(request, large, headers: Tag));
        CommandLine.Result limited = CommandLine.RunWithFilesUpTo(1000, ["pull", $"{server.Url}x.gguf"], Environment(server));
        Assert.AreEqual(2, limited.ExitCode, limited.Error);
        StringAssert.Contains(limited.Error, $"edge-llm: cannot write {Path.Combine(_fixture.Folder.Path, ".pulling", "x", "x.gguf")}: ");
        int kept = (int)new FileInfo(Path.Combine(_fixture.Folder.Path, ".pulling", "x", "x.gguf")).Length;
        Assert.IsGreaterThan(100_000, kept);
        Assert.AreEqual(0, Run(server, "pull", $"{server.Url}x.gguf").ExitCode);
        Assert.AreEqual(kept, server.Requests[^1].RangeStart);
        CollectionAssert.AreEqual(large, File.ReadAllBytes(Path.Combine(_fixture.Folder.Path, "x.gguf")));
    }

    private CommandLine.Result Run(LoopbackServer server, params string[] arguments) => CommandLine.Run(arguments, null, Environment(server));

    private (string, string)[] Environment(LoopbackServer server) =>
        [("EDGE_LLM_MODELS", _fixture.Folder.Path), ("HF_ENDPOINT", server.Url.ToString()), ("EDGE_LLM_OLLAMA", server.Url.ToString()), ("HF_TOKEN", ""), ("NO_PROXY", "127.0.0.1")];

    /// <summary>A server that holds the rest back until it is released.</summary>
    private sealed class HeldServer : IDisposable
    {
        private readonly ManualResetEventSlim _released = new();

        public HeldServer() => Server = new LoopbackServer((request, answer) =>
        {
            answer.File(request, s_model, _released.IsSet ? int.MaxValue : Held, Tag);
            if (!request.IsProbe) _released.Wait();
        });

        public LoopbackServer Server { get; }

        public Uri Url => Server.Url;

        public void Release() => _released.Set();

        public void WaitForBytes(string path)
        {
            var waited = Stopwatch.StartNew();
            while (!File.Exists(path) || new FileInfo(path).Length < Held)
            {
                Assert.IsLessThan(CommandLine.Patience, waited.Elapsed);
                Thread.Sleep(10);
            }
        }

        public void Dispose()
        {
            _released.Set();
            Server.Dispose();
        }
    }
}
