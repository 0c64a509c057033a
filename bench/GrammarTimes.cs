using System.Text;
using System.Text.Json;

namespace Edge.Llm.Bench;

/// <summary>Times of grammars at a real vocabulary, one thread: compiling each schema of a file, and a mask before each token of the values
/// that the schemas accept. Each schema is compiled once, so that its masks are computed for the first time.</summary>
internal static class GrammarTimes
{
    public static int Run(string vocabulary, string schemas, bool whiteSpace)
    {
        using GgufFile file = GgufFile.Open(vocabulary);
        TextWriter console = Console.Out;
        Console.SetOut(TextWriter.Null);
        Measure(Tokenizer.FromGguf(file.Metadata), schemas, whiteSpace); // compiles this program
        Console.SetOut(console);
        Measure(Tokenizer.FromGguf(file.Metadata), schemas, whiteSpace);
        return 0;
    }

    private static void Measure(Tokenizer tokenizer, string schemas, bool whiteSpace)
    {
        var options = new JsonGrammarOptions { WhiteSpace = whiteSpace };
        var mask = new TokenMask(tokenizer.Vocabulary.Count);
        Grammar.JsonSchema("{}", options).Compile(tokenizer).NewMatcher().Fill(mask); // the tree of the vocabulary
        GrammarMatcher text = Grammar.Regex("\"[^\"]*\"").Compile(tokenizer).NewMatcher();
        for (int i = 0; i < 2; i++) text.Fill(mask);

        List<ThreadClock.Span> compile = [], masks = [];
        int refused = 0, tokens = 0, forced = 0, stuck = 0;
        var slow = new List<(ThreadClock.Span Time, string What)>();
        foreach (string line in File.ReadLines(schemas))
        {
            JsonElement entry = JsonDocument.Parse(line).RootElement;
            string id = entry.GetProperty("id").GetString()!;
            Grammar schema = Grammar.JsonSchema(entry.GetProperty("schema").GetRawText(), options);
            CompiledGrammar grammar = null!;
            try
            {
                compile.Add(ThreadClock.Measure(() => grammar = schema.Compile(tokenizer)));
            }
            catch (EdgeLlmException)
            {
                refused++;
                continue;
            }
            if (compile[^1].All > 10_000) slow.Add((compile[^1], id + ", compiling"));
            foreach (JsonElement value in entry.GetProperty("valid").EnumerateArray())
            {
                string json = Compact(value);
                GrammarMatcher matcher = grammar.NewMatcher();
                int ahead = 0;
                foreach (int token in tokenizer.Encode(Encoding.UTF8.GetBytes(json), addSpecial: false, parseSpecial: false))
                {
                    masks.Add(ThreadClock.Measure(() => matcher.Fill(mask)));
                    if (masks[^1].All > 600) slow.Add((masks[^1], id + " at " + tokenizer.Decode([token])));
                    int[] must = ahead > 0 ? [] : matcher.ForcedTokens();
                    if (must.Length > 0) ahead = must.Length;
                    if (ahead > 0) ahead--;
                    else tokens++;
                    if (ahead > 0) forced++;
                    if (matcher.Accept(token)) continue;
                    stuck++;
                    break;
                }
            }
        }
        Console.WriteLine($"{compile.Count} schemas compiled, {refused} refused, {stuck} values not in the schema's order left where they differ");
        Console.WriteLine($"compile, ms: {Percentiles(compile, 1000)}");
        Console.WriteLine($"mask, us: {Percentiles(masks, 1)} of {masks.Count}");
        Console.WriteLine($"collections: {GC.CollectionCount(0)}, {GC.CollectionCount(1)} of them of generation 1 or 2, {GC.CollectionCount(2)} of generation 2; {GC.GetTotalAllocatedBytes() >> 20} MB allocated");
        Console.WriteLine($"forced tokens: {forced} of {tokens + forced} need no pass of their own");
        foreach ((ThreadClock.Span time, string what) in slow.OrderByDescending(entry => entry.Time.All).Take(30))
            Console.WriteLine($"  {time.All:F0} us, of it collections {time.Pauses:F0}: {what}");
    }

    private static string Compact(JsonElement value)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            value.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string Percentiles(List<ThreadClock.Span> spans, double unit) =>
        $"{Percentiles([.. spans.Select(span => span.All)], unit)}; without collections {Percentiles([.. spans.Select(span => span.Work)], unit)}";

    private static string Percentiles(List<double> times, double unit)
    {
        times.Sort();
        double At(double part) => times[(int)Math.Min(times.Count - 1, part * times.Count)] / unit;
        return FormattableString.Invariant($"p50 {At(0.5):F2}, p90 {At(0.9):F2}, p99 {At(0.99):F2}, worst {At(1):F2}");
    }
}
