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
}
