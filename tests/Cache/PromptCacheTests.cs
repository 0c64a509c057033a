using System.Diagnostics;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cache;

/// <summary>Texts on disk: a later context goes on with the same bits, and a file that is damaged or of another text is computed again.</summary>
[TestClass]
public sealed class PromptCacheTests : IDisposable
{
    private static readonly GenerateOptions s_options = new() { MaxTokens = 12, IgnoreEos = true, Sampling = new SamplingOptions { Seed = 3 } };
    private static readonly int[] s_prompt = [.. Enumerable.Range(0, 300).Select(i => 3 + (i * 37 % (TinyModel.Vocab - 3)))];

    private readonly string _folder = Directory.CreateTempSubdirectory("prompts").FullName;
    private readonly TinyModel _file = new(GgmlType.Q8_0, GgmlType.Q8_0, chatTemplate: "");
    private readonly LanguageModel _model;

    public PromptCacheTests() => _model = LanguageModel.Open(_file.File);

    public void Dispose()
    {
        _model.Dispose();
        _file.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string[] Files => Directory.GetFiles(_folder, "*.kv");

    [TestMethod]
    public void ALaterContextGoesOnWhereAnEarlierOneEnded()
    {
        int[] answer = Run(s_prompt, s_options, 0);
        Assert.HasCount(4, Files);
        CollectionAssert.AreEqual(answer, Run(s_prompt, s_options, 256));
        CollectionAssert.AreEqual(Alone(s_prompt[..200]), Run(s_prompt[..200], s_options, 192));
        int[] longer = [.. s_prompt, .. answer, .. s_prompt[..80]];
        CollectionAssert.AreEqual(Alone(longer), Run(longer, s_options, 256));
        Assert.HasCount(6, Files, "256 tokens were there");
        CollectionAssert.AreEqual(Alone(longer), Run(longer, s_options, 384));
    }

    [TestMethod]
    public void AnAnswerThatNobodyReadsToItsEndIsKept()
    {
        using (Context context = _model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 512, PromptCache = _folder }))
        {
            Generation generation = context.Generate(s_prompt, s_options);
            Assert.IsTrue(generation.MoveNext());
            Assert.HasCount(0, Files);
            generation.Dispose();
            Assert.HasCount(4, Files);
        }
        CollectionAssert.AreEqual(Alone(s_prompt), Run(s_prompt, s_options, 256));
    }

    [TestMethod]
    public void SaltsAdaptersModelsAndTypesShareNothing()
    {
        LoraAdapter adapter = _model.LoadAdapter(AdapterFile.Make(_model));
        Run(s_prompt, s_options with { Salt = "a" }, 0);
        Run(s_prompt, s_options, 0);
        Run(s_prompt, s_options with { Salt = "b" }, 0);
        Run(s_prompt, s_options with { Adapters = [new(adapter)] }, 0);
        Run(s_prompt, s_options with { Adapters = [new(adapter, 0.5f)] }, 0);
        Run(s_prompt, s_options, 0, new ContextOptions { TypeV = KvType.Q8_0 });
        using LanguageModel rope = LanguageModel.Open(_file.File, new ModelOptions { RopeFreqBase = 500 });
        Run(s_prompt, s_options, 0, model: rope);
        Assert.HasCount(7 * 4, Files);
        Run(s_prompt, s_options with { Salt = "a" }, 256);
        Run(s_prompt, s_options, 256);
    }

    [TestMethod]
    public void DamagedFilesAreRefusedAndComputedAgain()
    {
        int[] answer = Run(s_prompt, s_options, 0);
        var random = new Random(1);
        for (int round = 0; round < (Settings.Full ? 400 : 40); round++)
        {
            int index = random.Next(4);
            string path = Files.OrderBy(file => new FileInfo(file).Length).ElementAt(index); // they grow with the text
            byte[] bytes = File.ReadAllBytes(path), damaged = [.. bytes];
            int at = random.Next(3) == 0 ? random.Next(80) : random.Next(bytes.Length);
            if (random.Next(3) == 0) damaged = damaged[..at];
            else damaged[at] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, damaged);
            CollectionAssert.AreEqual(answer, Run(s_prompt, s_options, 64 * index), $"round {round}: file {index}, byte {at} of {bytes.Length}, {damaged.Length} left");
            CollectionAssert.AreEqual(bytes, File.ReadAllBytes(path), "it was written again");
        }
    }

    [TestMethod]
    public void TheFilesUsedLeastRecentlyAreDeletedAndNoOthers()
    {
        string other = Path.Combine(_folder, "notes.kv"), unfinished = Path.Combine(_folder, new string('a', 32) + ".kv.1.tmp");
        File.WriteAllText(other, "mine");
        File.WriteAllText(unfinished, "");
        File.SetLastWriteTimeUtc(unfinished, DateTime.UtcNow.AddHours(-1));
        Run(s_prompt, s_options, 0);
        Assert.IsFalse(File.Exists(unfinished));
        long bytes = Files.Where(file => file != other).Sum(file => new FileInfo(file).Length);
        var limit = new ContextOptions { PromptCacheBytes = bytes + 1000 };
        int[] second = [.. s_prompt.Reverse()];
        Run(second, s_options, 0, limit);
        Assert.IsLessThanOrEqualTo(bytes + 1000, Files.Where(file => file != other).Sum(file => new FileInfo(file).Length));
        Run(second, s_options, 256, limit);
        Run(s_prompt, s_options, 0, limit);
        Run(s_prompt, s_options, 256, limit);
        Assert.AreEqual("mine", File.ReadAllText(other));
    }

    [TestMethod]
    [DataRow("gemma3")]
    [DataRow("jamba")]
    [DataRow("deepseek2")]
    [DataRow("kimi-linear")]
    [DataRow("llama4")]
    public void EveryKindOfLayerComesBack(string name)
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make(name));
        int[] tokens = [.. Enumerable.Range(0, 220).Select(i => 3 + (i * 37 % 200))];
        var options = new ContextOptions { ContextSize = 256, Threads = 1, BatchSize = 64, PromptCache = _folder, MaxSequences = 2 };
        float[] expected;
        using (Context first = model.CreateContext(options))
        {
            using Sequence sequence = first.NewSequence();
            for (int start = 0; start < 192; start += 64) Forward(first, sequence, tokens.AsSpan(start, 64));
            sequence.SavePrefix();
            expected = Forward(first, sequence, tokens.AsSpan(192));
        }
        using Context second = model.CreateContext(options);
        using Sequence restored = second.NewSequence();
        Assert.AreEqual(192, restored.RestorePrefix(tokens.AsSpan(0, 219)));
        CollectionAssert.AreEqual(expected, Forward(second, restored, tokens.AsSpan(192)));
        using Sequence shared = second.NewSequence();
        Assert.AreEqual(192, shared.AdoptPrefix(tokens.AsSpan(0, 219)), "others find it in memory");
        shared.Trim(0);
        restored.Trim(0);
        foreach (int[] part in tokens.Chunk(64)) Forward(second, shared, part);
        using var state = new MemoryStream();
        second.Save(shared, state);
        state.Position = 0;
        second.Load(restored, state);
        CollectionAssert.AreEqual(Forward(second, shared, tokens.AsSpan(0, 5)), Forward(second, restored, tokens.AsSpan(0, 5)), "saved whole");
    }

    [TestMethod]
    public void LongContextsOfLongRopeAreAnotherModel()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("phi3-longrope"));
        int original = model.Spec.Layers.Select(layer => layer.Mixer).OfType<Edge.Llm.Models.AttentionSpec>().First().Config.Rope!.OriginalContextLength;
        Assert.AreNotEqual(model.FingerprintFor(original), model.FingerprintFor(original + 1));
        using Context small = model.CreateContext(new ContextOptions { ContextSize = original, Threads = 1 });
        using Context large = model.CreateContext(new ContextOptions { ContextSize = original + 1, Threads = 1 });
        using Sequence saved = small.NewSequence(), loaded = large.NewSequence();
        Forward(small, saved, [3, 4, 5]);
        using var state = new MemoryStream();
        small.Save(saved, state);
        state.Position = 0;
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => large.Load(loaded, state)).Code);
    }

    [TestMethod]
    public void AFolderThatCannotBeMadeIsAnErrorAndOneThatGoesAwayIsNot()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        foreach (string bad in (string[])[file, Path.Combine(file, "below"), ""])
            Assert.IsTrue(Assert.ThrowsExactly<EdgeLlmException>(() => _model.CreateContext(new ContextOptions { PromptCache = bad })).Code is ErrorCode.InvalidFile or ErrorCode.InvalidArgument);
        string gone = Path.Combine(_folder, "gone");
        using Context context = _model.CreateContext(new ContextOptions { PromptCache = gone, Threads = 1 });
        Directory.Delete(gone);
        CollectionAssert.AreEqual(Alone(s_prompt), Tokens(context.Generate(s_prompt, s_options)));
        StringAssert.Contains(context.PromptCacheWarning, "prompt cache: cannot write");
    }

    [TestMethod]
    public void FilesOfKilledProcessesAreWholeOrRefused()
    {
        int kills = Settings.Full ? 50 : 4, restored = 0;
        var random = new Random(1);
        string model = ShippedModel.Path("edge-llm-small.gguf");
        string[] prompts = [.. Enumerable.Range(0, kills).Select(i => string.Join(' ', Enumerable.Range(0, 200).Select(word => (word * (i + 7) % 1000).ToString())))];
        for (int i = 0; i < kills; i++)
        {
            using Process process = CommandLine.Start(["run", "-m", model, "-c", "0", "--temp", "0", "-n", "4", "--prompt-cache", _folder, "-p", prompts[i]]);
            DateTime end = DateTime.UtcNow.AddSeconds(60);
            int before = Files.Length, wait = random.Next(8);
            while (!process.HasExited && Directory.GetFiles(_folder).Length <= before + wait && DateTime.UtcNow < end) Thread.Yield();
            process.Kill();
            process.WaitForExit();
        }
        using LanguageModel small = LanguageModel.Open(model);
        for (int i = 0; i < kills; i++)
        {
            using Context context = small.CreateContext(new ContextOptions { ContextSize = 0, PromptCache = _folder, PrefixSharing = false });
            int[] tokens = small.Tokenizer.EncodePrompt(prompts[i]);
            using Generation generation = context.Generate(tokens, new GenerateOptions { MaxTokens = 4, Sampling = SamplingOptions.Greedy });
            using Context alone = small.CreateContext(new ContextOptions { ContextSize = 0, PrefixSharing = false });
            CollectionAssert.AreEqual(Tokens(alone.Generate(tokens, new GenerateOptions { MaxTokens = 4, Sampling = SamplingOptions.Greedy })), Tokens(generation));
            restored += generation.Statistics.RestoredTokens;
            Assert.IsNull(context.PromptCacheWarning, "no file under its own name is damaged");
        }
        Assert.IsGreaterThan(0, restored);
    }

    private int[] Run(int[] prompt, GenerateOptions options, int restored, ContextOptions? context = null, LanguageModel? model = null)
    {
        using Context made = (model ?? _model).CreateContext((context ?? new ContextOptions()) with { PromptCache = _folder, Threads = 1, ContextSize = 512 });
        using Generation generation = made.Generate(prompt, options);
        int[] tokens = Tokens(generation);
        Assert.AreEqual((restored, restored), (generation.Statistics.RestoredTokens, generation.Statistics.ReusedTokens));
        return tokens;
    }

    private int[] Alone(int[] prompt)
    {
        using Context context = _model.CreateContext(new ContextOptions { PrefixSharing = false, Threads = 1, ContextSize = 512 });
        return Tokens(context.Generate(prompt, s_options));
    }

    private static float[] Forward(Context context, Sequence sequence, ReadOnlySpan<int> tokens)
    {
        var batch = new Batch();
        batch.Add(sequence, tokens);
        return context.Forward(batch)[0].ToArray();
    }

    private static int[] Tokens(Generation generation) => [.. generation.Where(step => step.Token >= 0).Select(step => step.Token)];
}
