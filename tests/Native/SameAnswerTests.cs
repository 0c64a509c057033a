using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Native;

/// <summary>One prompt and seed: the same tokens and the same logits, bit for bit, through .NET, the command line, C and Python.</summary>
[TestClass]
public sealed class SameAnswerTests
{
    private const int Seed = 42, Tokens = 40;

    [TestMethod]
    public void OfASmallRandomModel()
    {
        using var model = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: "x");
        Check(model.File, "the prompt is this");
    }

    [TestMethod]
    public void OfATrainedModel() => Check(Peer.Stories(), "Once upon a time, a little");

    private static IEnumerable<string> Architectures => ModelSpecFile.Names.Where((_, i) => Settings.Full || i % 9 == 0);

    /// <summary>The NativeAOT executables of every level beside .NET.</summary>
    [TestMethod]
    [DynamicData(nameof(Architectures))]
    public void OfEachArchitecture(string name)
    {
        string path = Path.Combine(NativeLibrary.Scratch, $"{name}.gguf");
        File.WriteAllBytes(path, ModelSpecFile.Make(name));
        using LanguageModel model = LanguageModel.Open(path);
        if (!model.HasLogits || model.Ranks || model.Spec.BothDirections) return; // these make vectors
        int[] tokens = [.. Enumerable.Range(0, 24).Select(i => 3 + (((i * 37) + 11) % 200))];
        string expected = LogitsHash(model, tokens);
        foreach (string executable in NativeLibrary.Executables)
            Assert.AreEqual(expected, NativeLibrary.Succeed(executable, "logits", "-m", path, "--tokens", Join(tokens), "--all").Split('\n')[0].Split(' ')[1], executable);
        File.Delete(path);
    }

    private static void Check(string path, string prompt)
    {
        (int[] promptTokens, string tokens, string logits) = ThroughNet(path, prompt);
        Assert.AreEqual((tokens, logits), ThroughCommandLine(path, prompt, promptTokens), "the command line");
        string file = Path.Combine(NativeLibrary.Scratch, "logits.bin");
        string c = NativeLibrary.Succeed(NativeLibrary.Compile("tests/Native/c/parity.c"), path, prompt, $"{Seed}", $"{Tokens}", file);
        Assert.AreEqual((tokens, logits), (c.TrimEnd(), Hash(File.ReadAllBytes(file))), "C");
        File.Delete(file);
        string python = NativeLibrary.Succeed("python3", Path.Combine(NativeLibrary.Root, "tests", "Native", "python", "parity.py"),
            NativeLibrary.File, path, prompt, $"{Seed}", $"{Tokens}", file);
        Assert.AreEqual((tokens, logits), (python.TrimEnd(), Hash(File.ReadAllBytes(file))), "Python");
    }

    private static (int[] Prompt, string Tokens, string Logits) ThroughNet(string path, string prompt)
    {
        using LanguageModel model = LanguageModel.Open(path);
        int[] tokens = model.Tokenizer.Encode(prompt);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        var options = new GenerateOptions { MaxTokens = Tokens, Sampling = new SamplingOptions { Seed = Seed } };
        IEnumerable<int> generated = context.Generate(tokens, options).Where(step => step.Token >= 0).Select(step => step.Token);
        return (tokens, Join(generated), LogitsHash(model, tokens));
    }

    private static string LogitsHash(LanguageModel model, int[] tokens)
    {
        using Context context = model.CreateContext(new ContextOptions { LogitsRows = tokens.Length, Threads = 1 });
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        batch.Add(sequence, tokens, LogitsOf.All);
        Logits logits = context.Forward(batch);
        var bytes = new List<byte>();
        for (int row = 0; row < logits.Count; row++) bytes.AddRange(MemoryMarshal.AsBytes(logits[row]));
        return Hash([.. bytes]);
    }

    private static (string Tokens, string Logits) ThroughCommandLine(string path, string prompt, int[] promptTokens)
    {
        CommandLine.Result run = CommandLine.Run("run", "-m", path, "-p", prompt, "-n", $"{Tokens}", "--seed", $"{Seed}", "--json");
        Assert.AreEqual(0, run.ExitCode, run.Error);
        using JsonDocument json = JsonDocument.Parse(run.Output);
        CommandLine.Result logits = CommandLine.Run("logits", "-m", path, "--tokens", Join(promptTokens), "--all");
        Assert.AreEqual(0, logits.ExitCode, logits.Error);
        return (Join(json.RootElement.GetProperty("tokens").EnumerateArray().Select(token => token.GetInt32())), logits.Output.Split('\n')[0].Split(' ')[1]);
    }

    private static string Join(IEnumerable<int> tokens) => string.Join(',', tokens.Select(token => token.ToString(CultureInfo.InvariantCulture)));

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
