using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>--lora, --lora-scaled and --override-kv.</summary>
[TestClass]
public sealed class AdapterOptionsTests
{
    private static readonly string s_folder = Directory.CreateTempSubdirectory("edge-llm-tests-").FullName;
    private static readonly string s_a = Path.Combine(s_folder, "a.gguf"), s_b = Path.Combine(s_folder, "b, b:2.gguf"), s_text = Path.Combine(s_folder, "text.txt");
    private static TinyModel s_model = null!;

    [ClassInitialize]
    public static void Make(TestContext context)
    {
        s_model = new TinyModel(GgmlType.F32, GgmlType.F32, chatTemplate: "{{ messages[0].content }}");
        using LanguageModel model = LanguageModel.Open(s_model.File);
        File.WriteAllBytes(s_a, AdapterFile.Make(model));
        File.WriteAllBytes(s_b, AdapterFile.Make(model, seed: 2));
        File.WriteAllText(s_text, string.Concat(Enumerable.Repeat("abcdefgh", 8)));
    }

    [ClassCleanup]
    public static void Delete()
    {
        s_model.Dispose();
        Directory.Delete(s_folder, recursive: true);
    }

    [TestMethod]
    public void AdaptersAreAppliedHoweverTheyAreGiven()
    {
        string plain = Logits(), a = Logits("--lora", s_a), half = Logits("--lora", s_a + ":0.5"), both = Logits("--lora", s_a, "--lora", $"\"{s_b}\":0.25");
        Assert.HasCount(4, new HashSet<string> { plain, a, half, both });
        Assert.AreEqual(plain, Logits("--lora-scaled", s_a + ":0"));
        Assert.AreEqual(a, Logits("--lora-scaled", s_a + ":1"));
        Assert.AreEqual(half, Logits("--lora-scaled", s_a, "0.5"));
        Assert.AreEqual(half, Logits("--lora-scaled=" + s_a + ":5e-1"));
        Assert.AreEqual(both, Logits("--lora", $"{s_a},\"{s_b}\":0.25"));
        using LanguageModel model = LanguageModel.Open(s_model.File);
        using LoraAdapter adapter = model.LoadAdapter(s_a);
        using Context context = model.CreateContext(new ContextOptions { Adapters = [new(adapter)] });
        float[] logits = context.AllLogits([1, 2, 3], 1)[^model.VocabSize..];
        StringAssert.Contains(a, FormattableString.Invariant($" {logits.Max():R}"));
    }

    [TestMethod]
    [DataRow("run -p abc -n 5 --temp 0")]
    [DataRow("chat -p abc -n 5 --temp 0")]
    [DataRow("embed abc")]
    [DataRow("perplexity -f TEXT -c 16")]
    [DataRow("plan --json")]
    public void EveryCommandTakesThem(string command)
    {
        string[] words = command.Replace("TEXT", s_text, StringComparison.Ordinal).Split(' ');
        CommandLine.Result plain = CommandLine.Run([.. words, "-m", s_model.File]), with = CommandLine.Run([.. words, "-m", s_model.File, "--lora", s_a]);
        Assert.AreEqual((0, 0), (plain.ExitCode, with.ExitCode), plain.Error + with.Error);
        Assert.AreNotEqual(plain.Output, with.Output);
    }

    [TestMethod]
    public void BenchAndImatrixTakeThem()
    {
        string matrix = Path.Combine(s_folder, "imatrix.gguf");
        foreach (string[] words in (string[][])[["bench", "-p", "4", "-n", "2", "-r", "1"], ["imatrix", "-f", s_text, "-c", "16", "-o", matrix]])
        {
            CommandLine.Result result = CommandLine.Run([.. words, "-m", s_model.File, "--lora", s_a, "--override-kv", "llama.rope.freq_base=float:500"]);
            Assert.AreEqual(0, result.ExitCode, result.Error);
        }
    }

    [TestMethod]
    public void WhatCannotBeAppliedIsSaid()
    {
        CommandLine.AssertUsageError(CommandLine.Run("run", "-m", s_model.File, "-p", "a", "--lora-scaled", s_a), "--lora-scaled: expected FILE:SCALE, found");
        CommandLine.Result missing = CommandLine.Run("run", "-m", s_model.File, "-p", "a", "--lora", Path.Combine(s_folder, "none.gguf"));
        Assert.AreEqual(2, missing.ExitCode);
        StringAssert.Contains(missing.Error, "none.gguf");
        CommandLine.Result model = CommandLine.Run("run", "-m", s_model.File, "-p", "a", "--lora", s_model.File);
        Assert.AreEqual(2, model.ExitCode);
        StringAssert.Contains(model.Error, "key general.type: expected 'adapter', found ''");
    }

    [TestMethod]
    public void MetadataIsOverridden()
    {
        string plain = Logits(), other = Logits("--override-kv", "llama.rope.freq_base=float:500");
        Assert.AreNotEqual(plain, other);
        Assert.AreEqual(plain, Logits("--override-kv", "llama.rope.freq_base=float:500", "--override-kv", "llama.rope.freq_base=float:10000"));
        Assert.AreEqual(other, Logits("--override-kv", "general.name=str:x,llama.rope.freq_base=float:500"));
        CommandLine.AssertUsageError(CommandLine.Run("logits", "-m", s_model.File, "--tokens", "1", "--override-kv", "llama.rope.freq_base=500"),
            "--override-kv: ", "expected KEY=TYPE:VALUE, found 'llama.rope.freq_base=500'");
        CommandLine.Result wrong = CommandLine.Run("logits", "-m", s_model.File, "--tokens", "1", "--override-kv", "llama.embedding_length=float:2");
        Assert.AreEqual(2, wrong.ExitCode);
        StringAssert.Contains(wrong.Error, "key llama.embedding_length is of type int32, which cannot hold float:2");
    }

    [TestMethod]
    public void TokenizersAreReadWithOverrides()
    {
        string Ids(params string[] options) => CommandLine.Run(["tokenize", "-m", s_model.File, "--text", "ab", .. options]).Output;
        Assert.AreNotEqual(Ids(), Ids("--override-kv", "tokenizer.ggml.add_bos_token=bool:false"));
        CommandLine.Result text = CommandLine.Run("detokenize", "-m", s_model.File, "--override-kv", "tokenizer.ggml.model=str:none", "5");
        Assert.AreEqual(2, text.ExitCode);
        StringAssert.Contains(text.Error, "none");
        string quantized = Path.Combine(s_folder, "q.gguf");
        CommandLine.Result written = CommandLine.Run("quantize", s_model.File, quantized, "F16", "--override-kv", "general.name=str:other");
        Assert.AreEqual(0, written.ExitCode, written.Error);
        using GgufFile file = GgufFile.Open(quantized);
        Assert.AreEqual("other", file.Metadata.GetString("general.name"));
    }

    private static string Logits(params string[] options)
    {
        CommandLine.Result result = CommandLine.Run(["logits", "-m", s_model.File, "--tokens", "1,2,3", .. options]);
        Assert.AreEqual(0, result.ExitCode, result.Error);
        return result.Output;
    }
}
