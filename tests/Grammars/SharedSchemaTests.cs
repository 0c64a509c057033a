using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Real schemas, with values that they accept and values that they do not.</summary>
[TestClass]
public sealed class SharedSchemaTests
{
    private const int FewestCompiled = 290;

    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    internal static IEnumerable<(string Id, JsonElement Schema, JsonElement[] Valid, JsonElement[] Invalid)> All() =>
        from line in File.ReadLines(Settings.Shared("schemas", "schemas.jsonl"))
        let entry = JsonDocument.Parse(line).RootElement
        select (entry.GetProperty("id").GetString()!, entry.GetProperty("schema"), entry.GetProperty("valid").EnumerateArray().ToArray(),
            entry.GetProperty("invalid").EnumerateArray().ToArray());

    [TestMethod]
    public void RealSchemasAcceptWhatIsValidAndNothingElse()
    {
        int compiled = 0;
        var refused = new List<string>();
        var wrong = new List<string>();
        foreach ((string id, JsonElement schema, JsonElement[] valid, JsonElement[] invalid) in All())
        {
            CompiledGrammar grammar;
            try
            {
                grammar = Grammar.JsonSchema(schema.GetRawText()).Compile(Tokenizer);
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
            {
                refused.Add($"{id}: {e.Message}");
                continue;
            }
            compiled++;
            foreach (JsonElement value in valid)
                if (!SchemaOrder.Texts(value, schema).Any(text => grammar.Accepts(Tokenizer, text)))
                    wrong.Add($"{id}: valid, not accepted: {SchemaOrder.Texts(value, schema).First()}");
            foreach (JsonElement value in invalid)
                foreach (string text in SchemaOrder.Texts(value, schema).Append(value.GetRawText()))
                    if (grammar.Accepts(Tokenizer, text)) wrong.Add($"{id}: invalid, accepted: {text}");
        }
        Console.WriteLine($"{compiled} compiled; not compiled:\n{string.Join('\n', refused)}");
        Assert.IsEmpty(wrong, string.Join('\n', wrong.Select(line => line[..Math.Min(line.Length, 400)])));
        Assert.IsGreaterThanOrEqualTo(FewestCompiled, compiled, string.Join('\n', refused));
    }
}
