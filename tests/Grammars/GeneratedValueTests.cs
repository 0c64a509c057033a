using System.Text.Json;
using Edge.Llm.Tests.Support;
using Json.Schema;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Values written with random logits are valid for two validators that are not ours.</summary>
[TestClass]
public sealed class GeneratedValueTests
{
    // What the validators judge wrongly, and why.
    private static readonly Dictionary<string, string> s_wrongInJsonSchemaNet = new()
    {
        ["schemastore:luaurc"] = "a slash in a name of patternProperties ends in an exception",
    };

    private static readonly Dictionary<string, string> s_wrongInAjv = new()
    {
        ["schemastore:jsonld"] = "what stands beside $ref is read, which draft 7 ignores",
        ["WashingtonPost---wp_116_Normalized"] = "the same",
    };

    /// <summary>A schema, and values written by its grammar.</summary>
    private sealed record Generated(string Id, JsonElement Schema, string[] Values);

    // A real vocabulary, and one of single bytes almost, whose texts go other ways.
    private static readonly Lazy<List<Generated>> s_real = new(() => Generate(SharedVocabularies.Load("llama-bpe"), tokens: 200, values: 4));
    private static readonly Lazy<List<Generated>> s_small = new(() => Generate(SmallVocabularies.Bpe(), tokens: 1000, values: 20));

    [TestMethod]
    [DataRow("llama-bpe")]
    [DataRow("small")]
    public void RandomValuesOfRealSchemasAreValid(string vocabulary)
    {
        var wrong = new List<string>();
        foreach ((string id, JsonElement element, string[] values) in Of(vocabulary))
        {
            // Draft 4 is older than the validator, and what names no draft uses the words of draft 7.
            JsonSchema schema = JsonSchema.FromText(element.GetRawText().Replace("/draft-04/", "/draft-07/"),
                new BuildOptions { Dialect = Dialect.Draft07, SchemaRegistry = new SchemaRegistry() });
            foreach (string value in s_wrongInJsonSchemaNet.ContainsKey(id) ? [] : values)
                if (Errors(schema, value) is { Length: > 0 } errors) wrong.Add($"{id}: {errors}: {value}");
        }
        AssertNone(wrong);
    }

    [TestMethod]
    [DataRow("llama-bpe")]
    [DataRow("small")]
    public void RandomValuesOfRealSchemasAreValidForAjv(string vocabulary)
    {
        string folder = Settings.Ajv();
        List<Generated> all = Of(vocabulary);
        string[][] errors = Ajv.Errors(folder, [.. all.Select(one => (one.Schema, one.Values))]);
        var wrong = new List<string>();
        for (int i = 0; i < all.Count; i++)
            for (int j = 0; j < errors[i].Length; j++)
                if (errors[i][j].Length > 0 && !s_wrongInAjv.ContainsKey(all[i].Id)) wrong.Add($"{all[i].Id}: {errors[i][j]}: {all[i].Values[j]}");
        AssertNone(wrong);
    }

    private static List<Generated> Of(string vocabulary) => (vocabulary == "small" ? s_small : s_real).Value;

    private static List<Generated> Generate(Tokenizer tokenizer, int tokens, int values)
    {
        var all = new List<Generated>();
        var unfinished = new List<string>();
        int refused = 0, ended = 0;
        foreach ((string id, JsonElement schema, _, _) in SharedSchemaTests.All().Where((_, i) => i % (Settings.Full ? 1 : 8) == 0))
        {
            CompiledGrammar grammar;
            try
            {
                grammar = Grammar.JsonSchema(schema.GetRawText()).Compile(tokenizer);
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
            {
                refused++;
                continue;
            }
            var random = new Random(id.Length);
            var texts = new List<string>();
            for (int i = 0; i < (Settings.Full ? values : 1); i++)
            {
                string text = tokenizer.Text(grammar.Random(tokenizer, random, Math.Max(tokens, grammar.ShortestTokens), out bool whole));
                if (whole) ended++;
                texts.Add(text);
                if (!grammar.Accepts(tokenizer, text)) unfinished.Add($"{id}: not complete: {text}");
            }
            all.Add(new Generated(id, schema, [.. texts]));
        }
        Console.WriteLine($"{all.Count} schemas, {refused} refused; {all.Sum(one => one.Values.Length)} values, {ended} ended by themselves");
        AssertNone(unfinished);
        return all;
    }

    private static void AssertNone(List<string> wrong) =>
        Assert.IsEmpty(wrong, $"{wrong.Count}:\n" + string.Join('\n', wrong.Take(40).Select(line => line[..Math.Min(line.Length, 900)])));

    private static string Errors(JsonSchema schema, string text)
    {
        EvaluationResults results = schema.Evaluate(
            JsonDocument.Parse(text).RootElement, new EvaluationOptions { RequireFormatValidation = true, OutputFormat = OutputFormat.List });
        return results.IsValid ? "" : string.Join("; ", (results.Details ?? []).Where(detail => detail.Errors is not null)
            .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation}: {error.Value}")));
    }
}
