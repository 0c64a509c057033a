using System.Runtime.InteropServices;
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

        List<double> compile = [], masks = [];
        int refused = 0, tokens = 0, forced = 0, stuck = 0;
        var slow = new List<(double, string)>();
        foreach (string line in File.ReadLines(schemas))
        {
            JsonElement entry = JsonDocument.Parse(line).RootElement;
            string id = entry.GetProperty("id").GetString()!;
            int collections = GC.CollectionCount(0);
            long start = Now();
            CompiledGrammar grammar;
            try
            {
                grammar = Grammar.JsonSchema(entry.GetProperty("schema").GetRawText(), options).Compile(tokenizer);
            }
            catch (EdgeLlmException)
            {
                refused++;
                continue;
            }
            compile.Add(Microseconds(start));
            if (compile[^1] > 10_000) slow.Add((compile[^1], id + $", compiling{(GC.CollectionCount(0) > collections ? ", with a collection" : "")}"));
            foreach (JsonElement value in entry.GetProperty("valid").EnumerateArray())
            {
                string json = Compact(value);
                GrammarMatcher matcher = grammar.NewMatcher();
                int ahead = 0;
                foreach (int token in tokenizer.Encode(Encoding.UTF8.GetBytes(json), addSpecial: false, parseSpecial: false))
                {
                    collections = GC.CollectionCount(0);
                    start = Now();
                    matcher.Fill(mask);
                    masks.Add(Microseconds(start));
                    if (masks[^1] > 600) slow.Add((masks[^1], id + " at " + tokenizer.Decode([token]) + (GC.CollectionCount(0) > collections ? ", with a collection" : "")));
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
        Console.WriteLine($"forced tokens: {forced} of {tokens + forced} need no pass of their own");
        foreach ((double us, string what) in slow.OrderByDescending(entry => entry.Item1).Take(30)) Console.WriteLine($"  {us:F0} us: {what}");
    }

    private static string Compact(JsonElement value)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            value.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    // Time of this thread: what else the machine does is left out.
    private static long Now() => clock_gettime(3, out Time time) == 0 ? time.Seconds * 1_000_000_000 + time.Nanoseconds : 0;

    [DllImport("libc")]
    private static extern int clock_gettime(int clock, out Time time);

    private record struct Time(long Seconds, long Nanoseconds);

    private static double Microseconds(long start) => (Now() - start) / 1000.0;

    private static string Percentiles(List<double> times, double unit)
    {
        times.Sort();
        double At(double part) => times[(int)Math.Min(times.Count - 1, part * times.Count)] / unit;
        return FormattableString.Invariant($"p50 {At(0.5):F2}, p90 {At(0.9):F2}, p99 {At(0.99):F2}, worst {At(1):F2}");
    }
}
