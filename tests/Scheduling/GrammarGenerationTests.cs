using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>Generations whose text follows a grammar.</summary>
[TestClass]
public sealed class GrammarGenerationTests
{
    private const string Schema = """{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"]}""";

    private static (string Text, FinishReason? Finish, int Tokens) Generate(LanguageModel model, GenerateOptions options)
    {
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 256 });
        using Generation generation = context.Generate(model.Tokenizer.EncodePrompt("a"), options);
        GeneratedToken[] tokens = [.. generation];
        return (string.Concat(tokens.Select(token => token.Text)), tokens[^1].Finish, generation.Statistics.GeneratedTokens);
    }

    [TestMethod]
    public void ATextIsCompleteHoweverFewTokensAreLeft()
    {
        using var file = new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0, chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        Grammar grammar = Grammar.JsonSchema(Schema);
        int shortest = grammar.Compile(model.Tokenizer).ShortestTokens;
        foreach (int limit in (int[])[shortest, shortest + 1, shortest + 7, 60])
        {
            (string text, FinishReason? finish, int tokens) = Generate(
                model, new GenerateOptions { MaxTokens = limit, Grammar = grammar, Sampling = new SamplingOptions { Seed = 3, Temperature = 2 } });
            Assert.AreEqual(FinishReason.Eos, finish, text);
            Assert.IsLessThanOrEqualTo(limit, tokens);
            Assert.AreEqual(JsonValueKind.Number, JsonDocument.Parse(text).RootElement.GetProperty("age").ValueKind);
        }
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => Generate(model, new GenerateOptions { MaxTokens = shortest - 1, Grammar = grammar }));
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
        StringAssert.Contains(error.Message, $"at least {shortest}");
    }

    [TestMethod]
    public void WhatTheGrammarDoesNotAllowIsNotChosen()
    {
        using var file = new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0, chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        (string text, FinishReason? finish, _) = Generate(model, new GenerateOptions { Grammar = Grammar.Regex("ab{2,5}c"), Sampling = SamplingOptions.Greedy });
        StringAssert.Matches(text, new("^ab{2,5}c$"));
        Assert.AreEqual(FinishReason.Eos, finish);
    }

    [TestMethod]
    public void WhatTheGrammarForcesGoesThroughTogether()
    {
        using var file = new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0, chatTemplate: "");
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 256 });
        foreach (SamplingOptions sampling in (SamplingOptions[])[SamplingOptions.Greedy, new() { Seed = 5, Mirostat = 1 }, new() { Seed = 6, Mirostat = 2, MirostatEta = 0.9f }])
        {
            var options = new GenerateOptions { Grammar = Grammar.JsonSchema(Schema, new JsonGrammarOptions { WhiteSpace = false }), Sampling = sampling, MaxTokens = 80 };
            int[] prompt = model.Tokenizer.EncodePrompt("a");
            long passes = context.Passes;
            using Generation generation = context.Generate(prompt, options);
            int[] tokens = [.. generation.Select(step => step.Token).Where(token => token >= 0)];
            Assert.AreEqual(FinishReason.Eos, generation.Finish);
            GenerationStatistics statistics = generation.Statistics;
            Assert.IsGreaterThan(12, statistics.ForcedTokens, "the names of the members are forced");
            Assert.AreEqual(tokens.Length - statistics.ForcedTokens, context.Passes - passes, "a pass a token that was chosen");
            CollectionAssert.AreEqual(OneByOne(model, prompt, options), tokens);
        }
    }

    // Each token by a pass of its own, from a mask and all logits.
    private static int[] OneByOne(LanguageModel model, int[] prompt, GenerateOptions options)
    {
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 256 });
        using Sequence sequence = context.NewSequence();
        var sampler = new SamplerChain(options.Sampling, model.Tokenizer);
        GrammarMatcher matcher = options.Grammar!.Compile(model.Tokenizer).NewMatcher();
        var mask = new TokenMask(model.VocabSize);
        var batch = new Batch();
        var text = new List<int>(prompt);
        while (true)
        {
            batch.Clear();
            batch.Add(sequence, text.ToArray().AsSpan(sequence.Length));
            Logits logits = context.Forward(batch);
            matcher.Fill(mask, options.MaxTokens - (text.Count - prompt.Length));
            int token = sampler.Sample(logits[0], text.ToArray(), text.Count, mask);
            if (model.Tokenizer.Vocabulary.IsEndOfGeneration(token)) return [.. text.Skip(prompt.Length)];
            Assert.IsTrue(matcher.Accept(token));
            text.Add(token);
        }
    }
}
