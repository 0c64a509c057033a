using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Grammars;

/// <summary>Grammars that nobody wrote in good faith give an error or a result, soon and in little memory.</summary>
[TestClass]
public sealed class HostileGrammarTests
{
    private const long MostBytes = 64L << 20, MostAllocated = 600L << 20;

    private static Tokenizer Tokenizer => SharedVocabularies.Load("llama-bpe");

    private static string Many(int count, Func<int, string> part) => string.Concat(Enumerable.Range(0, count).Select(part));

    public static IEnumerable<object[]> Hostile => HostileGrammars.All.Select(hostile => new object[] { hostile.Name, hostile.Make });

    [TestMethod]
    [DynamicData(nameof(Hostile))]
    public void HostileGrammarsDoNoHarm(string name, Func<Grammar> make)
    {
        Grammar.Json().Compile(Tokenizer); // what is made once for the vocabulary
        Grammar grammar = make();
        long before = GC.GetTotalMemory(forceFullCollection: true), allocated = GC.GetAllocatedBytesForCurrentThread();
        (string result, CompiledGrammar? compiled) = Try(grammar);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        long kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        Console.WriteLine($"{name}: {allocated >> 20} MB allocated in all, {kept >> 20} MB kept: {result}");
        Assert.IsLessThanOrEqualTo(MostBytes, kept);
        Assert.IsLessThanOrEqualTo(MostAllocated, allocated); // memory that is written takes time
        GC.KeepAlive(compiled);
    }

    private static (string Result, CompiledGrammar? Compiled) Try(Grammar grammar)
    {
        CompiledGrammar? compiled = null;
        try
        {
            compiled = grammar.Compile(Tokenizer);
            Assert.IsLessThanOrEqualTo(MostBytes, compiled.KeptBytes);
            compiled.Random(Tokenizer, new Random(5), Settings.Full ? 50 : 20, out _);
            Assert.IsLessThanOrEqualTo(MostBytes, compiled.KeptBytes);
            return ($"{compiled.ShortestTokens} tokens at least", compiled);
        }
        catch (EdgeLlmException e) when (e.Code == ErrorCode.GrammarError)
        {
            return (Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(e.Message)), compiled);
        }
    }

    [TestMethod]
    public void CompilingCanBeCancelled()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Grammar grammar = Grammar.Gbnf("root ::= r0\n" + Many(5_000, i => $"r{i} ::= \"cancel{i}\" | [a-z] r{(i * 7) % 5_000}\n"));
        Tokenizer tokenizer = Tokenizer; // without the vocabulary the test is skipped
        var error = Assert.ThrowsExactly<EdgeLlmException>(() => grammar.Compile(tokenizer, source.Token));
        Assert.AreEqual(ErrorCode.Cancelled, error.Code);
    }
}
