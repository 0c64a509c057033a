using System.Text.Json;
using Edge.Llm.Tests.Support;
using Json.Schema;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Values written with random logits are valid for a validator that is not ours.</summary>
[TestClass]
public sealed class GeneratedValueTests
{
    private const int Tokens = 300;

    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    [TestMethod]
    public void RandomValuesOfRealSchemasAreValid()
    {
        int values = 0, ended = 0;
        var wrong = new List<string>();
        int every = Settings.Full ? 1 : 8;
        foreach ((string id, JsonElement element, _, _) in SharedSchemaTests.All().Where((_, i) => i % every == 0))
        {
            CompiledGrammar grammar;
            try
            {
                grammar = Grammar.JsonSchema(element.GetRawText()).Compile(Tokenizer);
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
            {
                continue;
            }
            // Draft 4 is older than the validator, and what names no draft uses the words of draft 7.
            JsonSchema schema = JsonSchema.FromText(element.GetRawText().Replace("/draft-04/", "/draft-07/"), new BuildOptions { Dialect = Dialect.Draft07 });
            var random = new Random(id.Length);
            for (int i = 0; i < (Settings.Full ? 20 : 1); i++)
            {
                int[] ids = grammar.Random(Tokenizer, random, Tokens, out bool whole);
                string text = Tokenizer.Text(ids);
                values++;
                if (whole) ended++;
                if (grammar.ShortestTokens <= Tokens && !grammar.Accepts(Tokenizer, text)) wrong.Add($"{id}: not complete: {text}");
                else if (Errors(schema, text) is { Length: > 0 } errors) wrong.Add($"{id}: {errors}: {text}");
            }
        }
        Console.WriteLine($"{values} values, {ended} ended by themselves");
        Assert.IsEmpty(wrong, string.Join('\n', wrong.Select(line => line[..Math.Min(line.Length, 900)])));
    }

    private static string Errors(JsonSchema schema, string text)
    {
        EvaluationResults results = schema.Evaluate(
            JsonDocument.Parse(text).RootElement, new EvaluationOptions { RequireFormatValidation = true, OutputFormat = OutputFormat.List });
        return results.IsValid ? "" : string.Join("; ", (results.Details ?? []).Where(detail => detail.Errors is not null)
            .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation}: {error.Value}")));
    }
}
