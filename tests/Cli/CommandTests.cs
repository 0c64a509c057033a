using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>Every command over a model whose text is known.</summary>
[TestClass]
public sealed class CommandTests
{
    private const int One = ScriptedModel.FirstWord, Two = One + 1, Three = One + 2;
    private static ScriptedModel s_story = null!, s_circle = null!;

    [ClassInitialize]
    public static void MakeModels(TestContext context)
    {
        string[] words = ["▁one", "▁two", "▁three", "▁four"];
        s_story = new ScriptedModel(words, [One, Two, Three, One + 3, .. ScriptedModel.Bytes("é!")]);
        s_circle = new ScriptedModel(words, One, Two, One);
    }

    [ClassCleanup]
    public static void DeleteModels()
    {
        s_story.Dispose();
        s_circle.Dispose();
    }

    [TestMethod]
    public void RunPrintsTheTextAndNothingElse()
    {
        foreach (string[] prompt in (string[][])[["-p", "one"], ["one"], ["--prompt=one"], ["--", "one"]])
        {
            CommandLine.Result result = CommandLine.Run(["run", "-m", s_story.File, "--temp", "0", .. prompt]);
            Assert.AreEqual((0, " two three fouré!\n"), (result.ExitCode, result.Output), result.Error);
            StringAssert.Contains(result.Error, "finish: eos");
        }
    }

    [TestMethod]
    public void RunContinuesAPromptWhereTheModelAsksForAnEndOfText()
    {
        using var model = new ScriptedModel(["▁one", "▁two"], [ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1], null, addEos: true);
        foreach (string[] arguments in (string[][])[["-p", "one"], ["-p", "one", "--no-bos"]])
            Assert.AreEqual(" two\n", CommandLine.Run(["run", "-m", model.File, "--temp", "0", .. arguments]).Output);
        Assert.AreEqual($"[1,{One},2]\n", CommandLine.Run("tokenize", "-m", model.File, "--text", "one").Output);
    }

    [TestMethod]
    public void RunReadsThePromptFromAPipe()
    {
        foreach (string[] prompt in (string[][])[[], ["-"], ["-f", "-"]])
        {
            CommandLine.Result result = CommandLine.Run(["run", "-m", s_story.File, "--temp", "0", "-n", "1", .. prompt], "one\n"u8.ToArray());
            Assert.AreEqual((0, " two\n"), (result.ExitCode, result.Output), result.Error);
        }
    }

    [TestMethod]
    public void RunTakesItsModelFromTheEnvironment() =>
        Assert.AreEqual(" two\n", CommandLine.Run(["run", "one", "-n", "1"], null, ("EDGE_LLM_MODEL", s_story.File)).Output);

    [TestMethod]
    public void LlamaCppsSpellingsAreAccepted()
    {
        CommandLine.Result result = CommandLine.Run("run", "--model", s_story.File, "--prompt", "one", "--n-predict", "2", "--temperature", "0", "--ctx-size", "0",
            "--threads", "1", "--batch-size", "8", "-ctk", "f32", "--cache-type-v", "q8_0", "-s", "1", "--rope-freq-base", "10000", "--rope-freq-scale", "1");
        Assert.AreEqual((0, " two three\n"), (result.ExitCode, result.Output), result.Error);
        foreach (string spelling in (string[])["-ngl", "--gpu-layers", "--n-gpu-layers"])
        {
            result = CommandLine.Run("run", "-m", s_story.File, "-p", "one", "-n", "1", spelling, "-1");
            Assert.AreEqual((0, " two\n"), (result.ExitCode, result.Output), result.Error);
            StringAssert.Contains(result.Error, "all layers stay on the CPU");
        }
    }

    [TestMethod]
    public void OfAnOptionGivenTwiceTheLastCounts()
    {
        CommandLine.Result result = CommandLine.Run("run", "-m", "/no/such/file", "-m", s_story.File, "-p", "three", "-p", "one", "-n", "9", "-n", "1",
            "--temp", "1", "--temp", "0", "-s", "1", "--seed", "2", "-ctk", "f16", "-ctk", "f32", "--json", "--json");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.AreEqual(" two", json.RootElement.GetProperty("text").GetString());
        Assert.AreEqual(2ul, json.RootElement.GetProperty("seed").GetUInt64());
    }

    [TestMethod]
    public void AFlagTakesNoValue()
    {
        string Text(params string[] arguments)
        {
            using JsonDocument json = JsonDocument.Parse(CommandLine.Run(["run", "-m", s_story.File, "-n", "1", .. arguments]).Output);
            return json.RootElement.GetProperty("prompt_tokens").ToString();
        }

        Assert.AreEqual(Text("-p", "true", "--json"), Text("--json", "true"));
        Assert.AreEqual(Text("-p", "false", "--json"), Text("--json", "-e", "false"));
    }

    [TestMethod]
    public void StopStringsEndTheText()
    {
        CommandLine.Result result = CommandLine.Run("run", "-m", s_story.File, "-p", "one", "--stop", "o th", "--stop", "never");
        Assert.AreEqual((0, " tw\n"), (result.ExitCode, result.Output), result.Error);
        StringAssert.Contains(result.Error, "finish: stop");
    }

    [TestMethod]
    public void RunWritesJson()
    {
        CommandLine.Result result = CommandLine.Run("run", "-m", s_story.File, "-p", "one", "-n", "2", "--json", "--seed", "18446744073709551615");
        using JsonDocument json = JsonDocument.Parse(result.Output);
        JsonElement root = json.RootElement;
        Assert.AreEqual(" two three", root.GetProperty("text").GetString());
        CollectionAssert.AreEqual((int[])[Two, Three], root.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32()).ToArray());
        Assert.AreEqual("length", root.GetProperty("finish_reason").GetString());
        Assert.AreEqual(ulong.MaxValue, root.GetProperty("seed").GetUInt64());
        Assert.AreEqual(2, root.GetProperty("prompt_tokens").GetInt32());
        Assert.AreEqual(0, root.GetProperty("shifted_tokens").GetInt32());
        Assert.IsFalse(root.TryGetProperty("logprobs", out _));
    }

    [TestMethod]
    public void RunTellsHowLikelyTokensWere()
    {
        string[] run = ["run", "-m", s_story.File, "-p", "one", "-n", "2", "--temp", "0", "--logprobs", "2"];
        using JsonDocument json = JsonDocument.Parse(CommandLine.Run([.. run, "--json"]).Output);
        JsonElement[] told = [.. json.RootElement.GetProperty("logprobs").EnumerateArray()];
        CollectionAssert.AreEqual((string[])[" two", " three"], told.Select(item => item.GetProperty("token").GetString()).ToArray());
        foreach (JsonElement item in told)
        {
            Assert.AreEqual(2, item.GetProperty("top_logprobs").GetArrayLength());
            Assert.AreEqual(item.GetProperty("logprob").GetDouble(), item.GetProperty("top_logprobs")[0].GetProperty("logprob").GetDouble());
        }
        CommandLine.Result refused = CommandLine.Run(run);
        Assert.AreEqual(2, refused.ExitCode);
        StringAssert.Contains(refused.Error, "--logprobs: expected --json");
    }

    [TestMethod]
    public void ATextGoesOnWhereTheContextIsFull()
    {
        string[] run = ["run", "-m", s_story.File, "-p", "one", "-n", "200", "-c", "128", "--ignore-eos", "--json"];
        using JsonDocument cut = JsonDocument.Parse(CommandLine.Run([.. run, "--no-context-shift"]).Output);
        Assert.AreEqual(127, cut.RootElement.GetProperty("generated_tokens").GetInt32());
        using JsonDocument shifted = JsonDocument.Parse(CommandLine.Run([.. run, "--context-shift", "--keep", "1"]).Output);
        Assert.AreEqual((200, 128), (shifted.RootElement.GetProperty("generated_tokens").GetInt32(), shifted.RootElement.GetProperty("shifted_tokens").GetInt32()));
        StringAssert.Contains(CommandLine.Run([.. run, "--context-shift", "--keep", "65"]).Error, "Keep: expected at most 64");
    }

    [TestMethod]
    public void TokensThereAndBack()
    {
        CommandLine.Result ids = CommandLine.Run("tokenize", "-m", s_story.File, "--text", "one two€");
        Assert.AreEqual($"[1,{One},{Two},{string.Join(',', ScriptedModel.Bytes("€"))}]\n", ids.Output, ids.Error);
        Assert.AreEqual($"[{One}]\n", CommandLine.Run("tokenize", "-m", s_story.File, "--text", "one", "--no-bos").Output);
        Assert.AreEqual($"[{One}]\n", CommandLine.Run(["tokenize", "-m", s_story.File, "--no-bos", "--file", "-"], "one"u8.ToArray()).Output);
        Assert.AreEqual("[1,1]\n", CommandLine.Run("tokenize", "-m", s_story.File, "--text", "<s>").Output);
        Assert.AreNotEqual("[1,1]\n", CommandLine.Run("tokenize", "-m", s_story.File, "--text", "<s>", "--no-special").Output);
        Assert.AreEqual("one two€\n", CommandLine.Run(["detokenize", "-m", s_story.File, "-"], ids.OutputBytes).Output.TrimStart(' '));
        Assert.AreEqual("one two\n", CommandLine.Run("detokenize", "-m", s_story.File, $"{One}", $"{Two}").Output.TrimStart(' '));
    }

    [TestMethod]
    public void LogitsAreTheSameHoweverTheyAreComputed()
    {
        string[] tokens = ["logits", "-m", s_story.File, "--tokens", $"1,{One},{Two},{Three}"];
        CommandLine.Result raw = CommandLine.Run([.. tokens, "--all", "--out", "-"]);
        int vocab = s_story.VocabSize;
        Assert.AreEqual(4 * vocab * sizeof(float), raw.OutputBytes.Length, raw.Error);
        string hash = "sha256 " + Convert.ToHexStringLower(SHA256.HashData(raw.OutputBytes));
        foreach (string[] options in (string[][])[[], ["-b", "1"], ["-b", "3", "-t", "2"]])
        {
            string[] lines = CommandLine.Run([.. tokens, "--all", .. options]).Output.TrimEnd().Split('\n');
            Assert.AreEqual(hash, lines[0]);
            Assert.HasCount(6, lines);
            StringAssert.StartsWith(lines[1], $"{One + 3} "); // four follows three
        }
        byte[] last = CommandLine.Run([.. tokens, "--out", "-"]).OutputBytes;
        CollectionAssert.AreEqual(raw.OutputBytes[^last.Length..], last);
        Assert.HasCount(vocab * sizeof(float), last);

        string file = Path.GetTempFileName();
        Assert.AreEqual(0, CommandLine.Run([.. tokens, "--all", "--out", file]).ExitCode);
        CollectionAssert.AreEqual(raw.OutputBytes, File.ReadAllBytes(file));
        File.Delete(file);
        // What fails in the second batch leaves nothing of the first.
        CommandLine.AssertUsageError(CommandLine.Run("logits", "-m", s_story.File, "--tokens", "1,99999", "-b", "1", "--all", "--out", file), "99999");
        Assert.IsFalse(File.Exists(file));
    }

    [TestMethod]
    public void BenchWritesTheAgreedKeys()
    {
        CommandLine.Result result = CommandLine.Run("bench", "-m", s_story.File, "-p", "8", "-n", "4", "-r", "3", "-t", "1", "--json");
        using JsonDocument json = JsonDocument.Parse(result.Output);
        foreach ((string key, int tokens) in ((string, int)[])[("prompt_tokens_per_second", 8), ("generation_tokens_per_second", 4)])
        {
            JsonElement test = json.RootElement.GetProperty(key);
            double[] samples = [.. test.GetProperty("samples").EnumerateArray().Select(sample => sample.GetDouble())];
            Assert.AreEqual(tokens, test.GetProperty("tokens").GetInt32());
            Assert.HasCount(3, samples);
            Assert.IsTrue(samples.All(sample => sample > 0));
            Assert.AreEqual(samples.Order().ElementAt(1), test.GetProperty("median").GetDouble());
        }
        Assert.IsTrue(json.RootElement.GetProperty("resident_bytes").GetInt64() > 1 << 20);
        StringAssert.Contains(CommandLine.Run("bench", "-m", s_story.File, "-p", "0", "-n", "2", "-r", "1").Output, "prompt: not measured");
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void BatchedBenchCountsTheTokensOfAllSequences(bool shared)
    {
        string[] words = ["bench", "--batched", "-m", s_story.File, "-p", "40", "-n", "3", "-npl", "1,3", "-r", "2", "-b", "32", .. shared ? (string[])["-pps"] : []];
        using JsonDocument json = JsonDocument.Parse(CommandLine.Run([.. words, "--json"]).Output);
        Assert.AreEqual(shared, json.RootElement.GetProperty("is_pp_shared").GetBoolean());
        JsonElement[] rows = [.. json.RootElement.GetProperty("results").EnumerateArray()];
        CollectionAssert.AreEqual(new[] { 1, 3 }, rows.Select(row => row.GetProperty("pl").GetInt32()).ToArray());
        CollectionAssert.AreEqual(new[] { 43, shared ? 49 : 129 }, rows.Select(row => row.GetProperty("n_kv").GetInt32()).ToArray());
        foreach (JsonElement row in rows)
            foreach (string name in (string[])["t_pp", "speed_pp", "t_tg", "speed_tg", "t", "speed"])
                Assert.IsTrue(row.GetProperty(name).GetDouble() > 0, name);
        string[] lines = CommandLine.Run(words).Output.TrimEnd('\n').Split('\n');
        Assert.HasCount(4, lines);
        CollectionAssert.AreEqual(new[] { "", "PP", "TG", "B", "N_KV", "T_PP s", "S_PP t/s", "T_TG s", "S_TG t/s", "T s", "S t/s", "" },
            lines[0].Split('|').Select(cell => cell.Trim()).ToArray());
        CollectionAssert.AreEqual(new[] { "40", "3", "3", shared ? "49" : "129" }, lines[3].Split('|').Skip(1).Take(4).Select(cell => cell.Trim()).ToArray());
    }

    [TestMethod]
    public void InspectShowsKeysAndTensors()
    {
        using JsonDocument json = JsonDocument.Parse(CommandLine.Run("inspect", s_story.File, "--json").Output);
        JsonElement metadata = json.RootElement.GetProperty("metadata");
        Assert.AreEqual("llama", metadata.GetProperty("general.architecture").GetString());
        Assert.AreEqual(s_story.VocabSize, metadata.GetProperty("tokenizer.ggml.tokens").GetArrayLength());
        Assert.AreEqual(1e-5, metadata.GetProperty("llama.attention.layer_norm_rms_epsilon").GetDouble());
        Assert.AreEqual(12, json.RootElement.GetProperty("tensors").GetArrayLength());
        string text = CommandLine.Run("inspect", s_story.File).Output;
        StringAssert.Contains(text, "general.architecture: llama\n");
        StringAssert.Contains(text, "blk.0.ffn_down.weight");
    }

    [TestMethod]
    public void VerifyHashesTensorsAndReportsWhatIsNotFinite()
    {
        CommandLine.Result good = CommandLine.Run("verify", s_story.File);
        Assert.AreEqual(0, good.ExitCode, good.Error);
        StringAssert.Contains(good.Output, "ok: ");
        using (GgufFile file = GgufFile.Open(s_story.File))
            foreach (TensorCheck check in GgufVerifier.Check(file))
                Assert.IsTrue(good.Output.Split('\n').Any(line => line.StartsWith($"{check.Hash:x16} ", StringComparison.Ordinal) && line.EndsWith(check.Tensor.Name, StringComparison.Ordinal)));

        byte[] bytes = File.ReadAllBytes(s_story.File);
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), float.NaN); // the last value of the last tensor
        string bad = Path.GetTempFileName();
        File.WriteAllBytes(bad, bytes);
        CommandLine.Result result = CommandLine.Run("verify", bad);
        Assert.AreEqual(2, result.ExitCode);
        CommandLine.AssertOneLine(result.Error);
        StringAssert.Contains(result.Error, "blk.0.ffn_down.weight");
        using JsonDocument json = JsonDocument.Parse(CommandLine.Run("verify", bad, "--json").Output);
        Assert.IsFalse(json.RootElement.GetProperty("ok").GetBoolean());
        File.Delete(bad);
    }

    [TestMethod]
    public void KernelsListsEveryRowAndWhatIsInUse()
    {
        CommandLine.Result result = CommandLine.Run(["kernels", "--json"], null, ("EDGE_LLM_ISA", "scalar"));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.AreEqual("scalar", json.RootElement.GetProperty("in_use").GetString());
        StringAssert.Contains(result.Output, "\"supported\":[\"scalar\"");
        foreach (JsonElement kernel in json.RootElement.GetProperty("kernels").EnumerateArray())
            Assert.AreEqual(kernel.GetProperty("isa").GetString() == "scalar", kernel.GetProperty("in_use").GetBoolean());
        Assert.IsFalse(json.RootElement.TryGetProperty("scalar_reason", out _), "it was asked for");
        if (System.Runtime.Intrinsics.X86.Avx2.IsSupported)
        {
            (string, string)[] without = [("EDGE_LLM_ISA", ""), ("DOTNET_EnableAVX2", "0")];
            StringAssert.Contains(CommandLine.Run(["kernels"], null, without).Output, "scalar, which is slow: the processor has AVX2, but .NET may not use it");
            StringAssert.Contains(CommandLine.Run(["kernels", "--json"], null, without).Output, "\"scalar_reason\":");
        }
        StringAssert.StartsWith(CommandLine.Run("kernels").Output, $"edge-llm {EngineVersion.Text}, ");
    }

    [TestMethod]
    public void PlanCountsEveryByte()
    {
        long File(params string[] options) => Plan("weights_bytes", options);
        long Cache(params string[] options) => Plan("kv_cache_bytes", options);
        long Plan(string key, string[] options)
        {
            using JsonDocument json = JsonDocument.Parse(CommandLine.Run(["plan", "-m", s_story.File, "--json", .. options]).Output);
            return json.RootElement.GetProperty(key).GetInt64();
        }

        Assert.AreEqual(new FileInfo(s_story.File).Length, File());
        // 1 layer, 1 head, 32 keys and 32 values of 2 bytes a position
        Assert.AreEqual(ScriptedModel.ContextLength * 64 * 2, Cache());
        Assert.AreEqual(64 * 64 * 4, Cache("-c", "64", "--type-k", "f32", "--type-v", "f32"));
        StringAssert.Contains(CommandLine.Run("plan", "-m", s_story.File).Output, "total");
    }

    [TestMethod]
    public void AClosedPipeEndsQuietly()
    {
        using Process process = CommandLine.Start(["run", "-m", s_circle.File, "-p", "one", "-n", "-1", "--ignore-eos", "-c", "1000000"]);
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Close();
        byte[] start = new byte[8];
        process.StandardOutput.BaseStream.ReadExactly(start);
        process.StandardOutput.Close();
        CommandLine.Result result = CommandLine.Finish(process, error, () => start);
        Assert.AreEqual((0, "", " two one"), (result.ExitCode, result.Error, result.Output));
    }

    [TestMethod]
    [OSCondition(ConditionMode.Exclude, OperatingSystems.Windows)]
    public void CtrlCStopsCleanly()
    {
        using Process process = CommandLine.Start(["run", "-m", s_circle.File, "-p", "one", "-n", "-1", "--ignore-eos", "-c", "1000000"]);
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Close();
        var output = new MemoryStream();
        byte[] start = new byte[8];
        process.StandardOutput.BaseStream.ReadExactly(start);
        output.Write(start);
        CommandLine.Signal(process, "INT");
        process.StandardOutput.BaseStream.CopyTo(output);
        CommandLine.Result result = CommandLine.Finish(process, error, output.ToArray);
        Assert.AreEqual(130, result.ExitCode, result.Error);
        StringAssert.StartsWith(result.Output, " two one");
        StringAssert.EndsWith(result.Output, "\n");
        StringAssert.Contains(result.Error, "finish: cancelled");
    }
}
