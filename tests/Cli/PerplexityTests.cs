using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>edge-llm perplexity over a model whose predictions are known: it counts one, two, one, two.</summary>
[TestClass]
public sealed class PerplexityTests
{
    private const int One = ScriptedModel.FirstWord, Two = One + 1;
    private static ScriptedModel s_model = null!, s_other = null!;
    private static string s_folder = "", s_text = "";

    [ClassInitialize]
    public static void MakeModels(TestContext context)
    {
        s_model = new ScriptedModel(["▁one", "▁two"], One, Two, One);
        s_other = new ScriptedModel(["▁one", "▁two", "▁three"], One, Two, One);
        s_folder = Directory.CreateTempSubdirectory().FullName;
        s_text = In("text");
        File.WriteAllText(s_text, string.Concat(Enumerable.Repeat("one two ", 40)).TrimEnd() + "\n");
    }

    [ClassCleanup]
    public static void Delete()
    {
        s_model.Dispose();
        s_other.Dispose();
        Directory.Delete(s_folder, recursive: true);
    }

    [TestMethod]
    public void ATextThatFollowsTheScriptIsNoSurprise()
    {
        CommandLine.Result result = CommandLine.Run("perplexity", "-m", s_model.File, "-f", s_text, "-c", "16");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        string[] lines = result.Output.TrimEnd('\n').Split('\n');
        Assert.HasCount(2, lines);
        StringAssert.Contains(lines[1], "1.0000 ± 0.0000");
        StringAssert.Contains(lines[1], "100.00 ± 0.00");
        StringAssert.Contains(lines[1], "32.00"); // bits a weight
        StringAssert.Contains(result.Error, "5 chunks of 16 tokens, 35 predictions scored");
    }

    [TestMethod]
    public void JsonIsTheSameForAnyThreadsAndBatch()
    {
        string[] command = ["perplexity", "-m", s_model.File, "-f", s_text, "-c", "16", "--chunks", "4", "--json"];
        CommandLine.Result result = CommandLine.Run([.. command, "-t", "1", "-b", "1"]);
        using JsonDocument json = JsonDocument.Parse(result.Output);
        JsonElement model = json.RootElement.GetProperty("models")[0];
        Assert.AreEqual((16, 4, 28), (json.RootElement.GetProperty("ctx").GetInt32(), model.GetProperty("chunks").GetInt32(), model.GetProperty("scored").GetInt32()));
        Assert.AreEqual(1, model.GetProperty("top1").GetDouble());
        Assert.AreEqual(4, model.GetProperty("running_perplexity").GetArrayLength());
        Assert.IsTrue(model.GetProperty("complete").GetBoolean());
        Assert.AreEqual(result.Output, CommandLine.Run([.. command, "-t", "2", "-b", "7"]).Output);
    }

    [TestMethod]
    public void SavedLogitsAreCompared()
    {
        string saved = In("saved.logits"), plot = In("plot.svg");
        CommandLine.Result result = CommandLine.Run("perplexity", "-m", s_model.File, "-f", s_text, "-c", "16", "--save-logits", saved);
        Assert.AreEqual(0, result.ExitCode, result.Error);
        foreach (string[] text in (string[][])[[], ["-f", s_text]]) // the file has the text, too
        {
            result = CommandLine.Run(["perplexity", "-m", s_model.File, s_model.File, "--kl-base", saved, "--plot", plot, "--json", .. text]);
            Assert.AreEqual(0, result.ExitCode, result.Error);
            using JsonDocument json = JsonDocument.Parse(result.Output);
            Assert.AreEqual(16, json.RootElement.GetProperty("ctx").GetInt32());
            JsonElement models = json.RootElement.GetProperty("models");
            Assert.AreEqual(2, models.GetArrayLength());
            JsonElement kl = models[1].GetProperty("kl_divergence");
            Assert.AreEqual(0, kl.GetProperty("mean").GetDouble(), 1e-5);
            Assert.AreEqual(0, kl.GetProperty("p99").GetDouble(), 1e-4);
            Assert.AreEqual(1, kl.GetProperty("same_top1").GetDouble());
        }
        XDocument svg = XDocument.Load(plot);
        Assert.HasCount(2, svg.Descendants().Where(element => element.Name.LocalName == "circle"));
        Assert.HasCount(2, svg.Descendants().Where(element => element.Value == Path.GetFileName(s_model.File)));
        CommandLine.Result table = CommandLine.Run("perplexity", "-m", s_model.File, "-m", s_model.File, "--kl-base", saved);
        Assert.HasCount(3, table.Output.TrimEnd('\n').Split('\n'));
        StringAssert.Contains(table.Output, "same top-1 %");
        CommandLine.AssertUsageError(CommandLine.Run("perplexity", "-m", s_other.File, "--kl-base", saved), $"{s_other.VocabSize}", $"{s_model.VocabSize}");
        CommandLine.AssertUsageError(CommandLine.Run("perplexity", "-m", s_model.File, s_other.File, "--kl-base", saved), $"{s_other.VocabSize}");
        CommandLine.AssertUsageError(CommandLine.Run("perplexity", "-m", s_model.File, "--kl-base", saved, "-f", s_text, "-c", "8"), "chunks of 8", "16");
        CommandLine.AssertUsageError(CommandLine.Run("perplexity", "-m", s_model.File, "--kl-base", s_text), s_text, "_logits_");
    }

    [TestMethod]
    public void MistakesAreTold()
    {
        string empty = In("empty"), brief = In("brief");
        File.WriteAllText(empty, "\n");
        File.WriteAllText(brief, "one two one");
        Wrong(["-f", s_text, "-m", "/no/such.gguf"], "/no/such.gguf", "no such file");
        Wrong(["-f", s_text, "-m", s_model.File, "/no/such.gguf"], "/no/such.gguf", "no such file");
        Wrong(["-m", s_model.File], "no text");
        Wrong(["-m", s_model.File, "-f", "/no/such.txt"], "/no/such.txt", "no such file");
        Wrong(["-m", s_model.File, "-f", empty], "the text is empty");
        Wrong(["-m", s_model.File, "-f", brief], "4 tokens", "512");
        Wrong(["-m", s_model.File, "-f", s_text, "-c", "3"], "--ctx-size: expected");
        Wrong(["-m", s_model.File, "-f", s_text, "--foo"], "unknown option '--foo'");
        Wrong(["-m", s_model.File, "--foo", "-f", s_text], "unknown option '--foo'");
        Wrong(["-m", s_model.File, "-f", s_text, "--save-logits", "/no/such/file"], "cannot write /no/such/file");
        Wrong(["-m", s_model.File, "-f", s_text, "--plot", s_folder], "directory");
        Wrong(["-m", s_model.File, s_model.File, "-f", s_text, "--save-logits", In("x")], "one model");
        Assert.IsEmpty(Directory.GetFiles(s_folder, "*.tmp"));
    }

    [TestMethod]
    [OSCondition(OperatingSystems.Linux)]
    public void AFullDiskIsAnError()
    {
        CommandLine.Result result = CommandLine.Run("perplexity", "-m", s_model.File, "-f", s_text, "-c", "16", "--save-logits", "/dev/full");
        Assert.AreEqual(2, result.ExitCode);
        CommandLine.AssertOneLine(result.Error);
        StringAssert.Contains(result.Error, "No space left");
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    public void CtrlCPrintsWhatWasDone()
    {
        string text = In("long"), saved = In("stopped.logits");
        File.WriteAllText(text, string.Concat(Enumerable.Repeat("one two ", 1_000_000)));
        using Process process = CommandLine.Start(["perplexity", "-m", s_model.File, "-f", text, "-c", "64", "-t", "1", "--save-logits", saved, "--json"]);
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Close();
        // The first rows are written when the first chunks are done.
        var patience = Stopwatch.StartNew();
        while (!new DirectoryInfo(s_folder).EnumerateFiles("stopped.logits*").Any(file => file is { Exists: true, Length: > 10_000_000 }))
        {
            Assert.IsTrue(patience.Elapsed < CommandLine.Patience && !process.HasExited, "no logits are written");
            Thread.Sleep(10);
        }
        CommandLine.Signal(process, "INT");
        var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        CommandLine.Result result = CommandLine.Finish(process, error, output.ToArray);
        Assert.AreEqual(130, result.ExitCode, result.Error);
        using JsonDocument json = JsonDocument.Parse(result.Output);
        JsonElement model = json.RootElement.GetProperty("models")[0];
        Assert.IsFalse(model.GetProperty("complete").GetBoolean());
        Assert.IsGreaterThan(0, model.GetProperty("chunks").GetInt32());
        Assert.AreEqual(model.GetProperty("chunks").GetInt32() * 31, model.GetProperty("scored").GetInt32());
        Assert.IsEmpty(Directory.GetFiles(s_folder, "stopped.logits*"));
    }

    private static string In(string name) => Path.Combine(s_folder, name);

    private static void Wrong(string[] arguments, params string[] says) => CommandLine.AssertUsageError(CommandLine.Run(["perplexity", .. arguments]), says);
}
