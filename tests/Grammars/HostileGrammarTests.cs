using System.Diagnostics;
using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Grammars that nobody wrote in good faith give an error or a result, soon and in little memory.</summary>
[TestClass]
public sealed class HostileGrammarTests
{
    private const long MostBytes = 64L << 20;

    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    private static string Many(int count, Func<int, string> part) => string.Concat(Enumerable.Range(0, count).Select(part));

    public static IEnumerable<object[]> Hostile => HostileGrammars.All.Select(hostile => new object[] { hostile.Name, hostile.Make });

    [TestMethod]
    [DynamicData(nameof(Hostile))]
    public void HostileGrammarsDoNoHarm(string name, Func<Grammar> make)
    {
        Grammar.Json().Compile(Tokenizer); // what is made once for the vocabulary
        long before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        string result = Try(make);
        Console.WriteLine($"{name}: {watch.ElapsedMilliseconds} ms, {(GC.GetAllocatedBytesForCurrentThread() - before) >> 20} MB allocated in all: {result}");
    }

    private static string Try(Func<Grammar> make)
    {
        try
        {
            CompiledGrammar grammar = make().Compile(Tokenizer);
            Assert.IsLessThanOrEqualTo(MostBytes, grammar.KeptBytes);
            var random = new Random(5);
            grammar.Random(Tokenizer, random, 20, out _);
            Assert.IsLessThanOrEqualTo(MostBytes, grammar.KeptBytes);
            return $"{grammar.ShortestTokens} tokens at least";
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
        {
            return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(e.Message));
        }
    }

    [TestMethod]
    public void CompilingCanBeCancelled()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Grammar grammar = Grammar.Gbnf("root ::= r0\n" + Many(5_000, i => $"r{i} ::= \"cancel{i}\" | [a-z] r{(i * 7) % 5_000}\n"));
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => grammar.Compile(Tokenizer, source.Token));
        Assert.AreEqual(ErrorCode.Cancelled, error.Code);
    }
}
