using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>A text that fills the context and goes on: what follows a shift is what a new request with the shortened text gives.</summary>
[TestClass]
public sealed class ContextShiftTests
{
    private const int ContextSize = 192, Block = 64;

    private static GenerateOptions Options(int keep, ulong seed) => new()
    {
        MaxTokens = 3 * ContextSize, IgnoreEos = true, ContextShift = new ContextShift(keep),
        Sampling = new SamplingOptions { Seed = seed, Temperature = seed % 2 == 0 ? 0 : 0.8f, RepeatPenalty = 1.1f },
    };

    // By requests that are not shifted: each ends where the context is full, and the next one begins with what a shift leaves.
    private static List<int> ByNewRequests(Context context, int[] prompt, GenerateOptions options, int keep, out int dropped)
    {
        var text = new List<int>(prompt);
        var answer = new List<int>();
        dropped = 0;
        while (true)
        {
            using Generation generation = context.Generate(text, options with { ContextShift = null, MaxTokens = options.MaxTokens - answer.Count });
            int[] tokens = [.. generation.Where(step => step.Token >= 0).Select(step => step.Token)];
            text.AddRange(tokens);
            answer.AddRange(tokens);
            if (answer.Count == options.MaxTokens) return answer;
            int count = Math.Max(1, (text.Count - keep) / 2 / Block) * Block;
            text.RemoveRange(keep, count);
            dropped += count;
        }
    }

    [TestMethod]
    [DataRow("llama", 0)]
    [DataRow("llama", 64)]
    [DataRow("llama", 128)]
    [DataRow("gemma3", 64)]
    [DataRow("qwen35", 64)]
    [DataRow("mamba2", 0)]
    public void AShiftedTextEqualsThatOfANewRequest(string name, int keep)
    {
        byte[] file = ModelSpecFile.Make(name, withTokens: true);
        using LanguageModel model = LanguageModel.Open(file), draft = LanguageModel.Open(file);
        var options = new ContextOptions { Threads = 1, ContextSize = ContextSize, PrefixSharing = false };
        using Context alone = model.CreateContext(options);
        using Context plain = model.CreateContext(options with { BatchSize = 96 });
        using Context crowded = model.CreateContext(options with { MaxSequences = 2, PrefixSharing = true, Lookup = true, DraftTokens = 4 }, draft);
        int[][] prompts = [.. Enumerable.Range(0, 4).Select(i => Enumerable.Range(0, 20 + (50 * i)).Select(k => 4 + ((k * (i + 3)) % 60)).ToArray())];
        int[][] expected = new int[prompts.Length][];
        int[] dropped = new int[prompts.Length];
        for (int i = 0; i < prompts.Length; i++)
        {
            expected[i] = [.. ByNewRequests(alone, prompts[i], Options(keep, (ulong)i), keep, out dropped[i])];
            using Generation generation = plain.Generate(prompts[i], Options(keep, (ulong)i));
            CollectionAssert.AreEqual(expected[i], Tokens(generation), $"prompt {i}");
            Assert.AreEqual((dropped[i], FinishReason.Length), (generation.Statistics.ShiftedTokens, generation.Finish));
        }
        // Beside others, with guesses, in a cache that is too small for all.
        Generation[] generations = [.. prompts.Select((prompt, i) => crowded.Generate(prompt, Options(keep, (ulong)i)))];
        for (int i = 0; i < prompts.Length; i++)
        {
            CollectionAssert.AreEqual(expected[i], Tokens(generations[i]), $"prompt {i} beside others");
            Assert.AreEqual(dropped[i], generations[i].Statistics.ShiftedTokens);
            generations[i].Dispose();
        }
    }

    [TestMethod]
    public void AGrammarGoesOn()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = ContextSize });
        using Generation generation = context.Generate([5, 6, 7], new GenerateOptions
        {
            Grammar = Grammar.Regex("a([bc]d){150}e"), ContextShift = new ContextShift(-1), Sampling = new SamplingOptions { Seed = 3 },
        });
        string text = string.Concat(generation.Select(step => step.Text));
        StringAssert.Matches(text, new("^a([bc]d){150}e$"));
        Assert.AreEqual(FinishReason.Eos, generation.Finish);
        Assert.IsGreaterThan(0, generation.Statistics.ShiftedTokens);
    }

    [TestMethod]
    public void ASequenceOfTheCallersHoldsTheShortenedText()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = ContextSize });
        using Sequence sequence = context.NewSequence();
        int[] prompt = [.. Enumerable.Range(4, 40)];
        int[] tokens;
        using (Generation generation = context.Generate(prompt, Options(40, 1) with { MaxTokens = 200 }, sequence)) tokens = Tokens(generation);
        int[] text = [.. prompt, .. tokens];
        CollectionAssert.AreEqual(text[..Block].Concat(text[(2 * Block)..^1]).ToArray(), sequence.Tokens.ToArray());
    }

    [TestMethod]
    public void WhatCannotBeKeptIsRefusedAndWithoutItATextEnds()
    {
        using LanguageModel model = LanguageModel.Open(ModelSpecFile.Make("llama", withTokens: true));
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = ContextSize });
        foreach (int keep in (int[])[-2, 129, ContextSize, int.MaxValue])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => context.Generate([5], Options(keep, 1))).Code, $"{keep}");
        using Generation generation = context.Generate([5], Options(0, 1) with { ContextShift = null });
        Assert.HasCount(ContextSize, Tokens(generation));
        Assert.AreEqual((0, FinishReason.Length), (generation.Statistics.ShiftedTokens, generation.Finish));
    }

    private static int[] Tokens(Generation generation) => [.. generation.Where(step => step.Token >= 0).Select(step => step.Token)];
}
