using System.Text;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

/// <summary>The official tests of JSON Schema. A committed file has what each of them gives: what is worse fails, what is better is reported.</summary>
[TestClass]
public sealed class SchemaSuiteTests
{
    /// <summary>Accepted and refused rightly; not compiled; valid, but refused; invalid, but accepted.</summary>
    private const string BestFirst = "ar-vi";

    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    [TestMethod]
    [DataRow("draft7", "http://json-schema.org/draft-07/schema#", 900)]
    [DataRow("draft2020-12", "https://json-schema.org/draft/2020-12/schema", 1001)]
    public void OfficialTestsGiveWhatTheyGaveOrBetter(string draft, string uri, int fewestRight)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        JsonElement suite = JsonDocument.Parse(File.ReadAllText(Settings.Shared("schemas", $"suite-{draft}.json"))).RootElement;
        foreach (JsonProperty file in suite.EnumerateObject())
        {
            int number = 0;
            foreach (JsonElement group in file.Value.EnumerateArray()) found.Add($"{file.Name} {number++:D3}", Categories(group, uri));
        }
        string path = Path.Combine(RepositoryFiles.Root(), "tests", "data", "json-schema", draft + ".txt");
        string text = string.Concat(found.Select(group => $"{group.Key} {group.Value}\n"));
        if (Environment.GetEnvironmentVariable("EDGE_LLM_RECORD") == "1") File.WriteAllText(path, text);

        Dictionary<string, string> expected = File.ReadLines(path).ToDictionary(line => line[..line.LastIndexOf(' ')], line => line[(line.LastIndexOf(' ') + 1)..]);
        CollectionAssert.AreEquivalent(expected.Keys, found.Keys);
        List<string> worse = [], better = [], accepted = [];
        foreach ((string group, string categories) in found)
        {
            Assert.AreEqual(expected[group].Length, categories.Length, group);
            for (int i = 0; i < categories.Length; i++)
            {
                int order = BestFirst.IndexOf(categories[i]) - BestFirst.IndexOf(expected[group][i]);
                if (categories[i] != expected[group][i]) (order > 0 ? worse : better).Add($"{group}, test {i}: {expected[group][i]} is {categories[i]}");
                if (categories[i] == 'i' && !group.StartsWith("optional/", StringComparison.Ordinal)) accepted.Add($"{group}, test {i}");
            }
        }
        int right = text.Count(c => c == '\n') is var lines && lines > 0 ? found.Values.Sum(group => group.Count(c => c is 'a' or 'r')) : 0;
        Console.WriteLine($"{draft}: {right} right of {found.Values.Sum(group => group.Length)}; better:\n{string.Join('\n', better)}");
        Assert.IsEmpty(accepted, "invalid, but accepted: " + string.Join("; ", accepted));
        Assert.IsEmpty(worse, string.Join('\n', worse));
        Assert.IsGreaterThanOrEqualTo(fewestRight, right);
    }

    private static string Categories(JsonElement group, string uri)
    {
        JsonElement schema = group.GetProperty("schema");
        if (schema.ValueKind == JsonValueKind.Object && !schema.TryGetProperty("$schema", out _))
            schema = JsonDocument.Parse($"{{\"$schema\":\"{uri}\"{(schema.EnumerateObject().Any() ? "," : "")}{schema.GetRawText().TrimStart()[1..]}").RootElement;
        var categories = new StringBuilder();
        foreach (JsonElement test in group.GetProperty("tests").EnumerateArray()) categories.Append(Category(schema, test));
        return categories.ToString();
    }

    private static char Category(JsonElement schema, JsonElement test)
    {
        bool valid = test.GetProperty("valid").GetBoolean();
        JsonElement data = test.GetProperty("data");
        try
        {
            CompiledGrammar grammar = Grammar.JsonSchema(schema.GetRawText()).Compile(Tokenizer);
            bool accepted = SchemaOrder.Texts(data, schema).Append(data.GetRawText()).Any(text => grammar.Accepts(Tokenizer, text));
            return accepted ? valid ? 'a' : 'i' : valid ? 'v' : 'r';
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
        {
            return e.Message.Contains("no text matches") && !valid ? 'r' : '-';
        }
    }
}
