using Edge.Llm.Tests.Grammars;

namespace Edge.Llm.Bench;

/// <summary>What hostile grammars cost at a real vocabulary, one thread, each alone: compiling, the worst of 50 masks and all of them, bytes allocated in
/// all, counted and live. Names choose some.</summary>
internal static class HostileGrammarTimes
{
    private const int Masks = 50;

    public static int Run(string vocabulary, string[] names)
    {
        using GgufFile file = GgufFile.Open(vocabulary);
        Tokenizer tokenizer = Tokenizer.FromGguf(file.Metadata);
        Grammar.Json().Compile(tokenizer).NewMatcher().Fill(new TokenMask(tokenizer.Vocabulary.Count));
        Console.WriteLine("compile ms | of it pauses | worst mask ms | 50 masks ms | allocated MB | counted MB | live MB | name: result");
        foreach ((string name, Func<Grammar> make) in HostileGrammars.All)
            if (names.Length == 0 || names.Any(part => name.Contains(part, StringComparison.Ordinal))) Measure(name, make(), tokenizer);
        return 0;
    }

    private static void Measure(string name, Grammar grammar, Tokenizer tokenizer)
    {
        long live = GC.GetTotalMemory(forceFullCollection: true), allocated = GC.GetAllocatedBytesForCurrentThread();
        CompiledGrammar? compiled = null;
        string result = "";
        ThreadClock.Span compile = ThreadClock.Measure(() => result = Try(() => compiled = grammar.Compile(tokenizer)));
        double worst = 0, all = 0;
        if (compiled is not null)
        {
            result = $"{compiled.ShortestTokens} tokens at least";
            GrammarMatcher matcher = compiled.NewMatcher();
            var mask = new TokenMask(tokenizer.Vocabulary.Count);
            var random = new Random(5);
            for (int i = 0; i < Masks && !matcher.IsEnded; i++)
            {
                string error = "";
                double time = ThreadClock.Measure(() => error = Try(() => matcher.Fill(mask))).All;
                (worst, all) = (Math.Max(worst, time), all + time);
                if (error.Length > 0)
                {
                    result = $"mask {i}: {error}";
                    break;
                }
                int token = mask.Next(random.Next(mask.VocabularySize));
                if (token < 0) token = mask.Next(0);
                if (token < 0) break;
                matcher.Accept(token);
            }
        }
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        live = GC.GetTotalMemory(forceFullCollection: true) - live;
        Console.WriteLine(FormattableString.Invariant(
            $"{compile.All / 1000,8:F1} {compile.Pauses / 1000,8:F1} {worst / 1000,8:F1} {all / 1000,8:F1} {allocated >> 20,6} {(compiled?.KeptBytes ?? 0) >> 20,5} {live >> 20,5}  {name}: {result[..Math.Min(result.Length, 110)]}"));
        GC.KeepAlive(compiled);
    }

    private static string Try(Action work)
    {
        try
        {
            work();
            return "";
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
        {
            return e.Message.ReplaceLineEndings(" ");
        }
    }
}
