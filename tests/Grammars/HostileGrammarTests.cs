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

    public static IEnumerable<object[]> Hostile => new (string Name, Func<Grammar> Make)[]
    {
        ("nested groups", () => Grammar.Gbnf("root ::= " + new string('(', 60_000) + "\"a\"" + new string(')', 60_000))),
        ("nested groups with text", () => Grammar.Gbnf("root ::= " + Many(60_000, _ => "(\"a\" ") + Many(60_000, _ => "\"b\")?"))),
        ("open groups", () => Grammar.Gbnf("root ::= " + new string('(', 60_000))),
        ("left recursion", () => Grammar.Gbnf("root ::= root root | root \"a\" | \"a\"")),
        ("hidden left recursion", () => Grammar.Gbnf("root ::= a root \"b\" | \"c\"\na ::= \"x\"? | b\nb ::= a | root?")),
        ("a long circle", () => Grammar.Gbnf("root ::= r0\n" + Many(30_000, i => $"r{i} ::= r{(i + 1) % 30_000} \"a\" | \"b\"\n"))),
        ("a chain of rules", () => Grammar.Gbnf("root ::= r0\n" + Many(50_000, i => $"r{i} ::= r{i + 1} r{i + 1}\n") + "r50000 ::= \"a\"")),
        ("doubling", () => Grammar.Gbnf("root ::= r0\n" + Many(60, i => $"r{i} ::= r{i + 1} r{i + 1} [<[]? \"a\"\n") + "r60 ::= root?")),
        ("nullable loops", () => Grammar.Gbnf("root ::= ((\"a\"?)* (\"b\"?)*)* (a a a)*\na ::= a? \"x\"? b*\nb ::= a*")),
        ("counted nullable", () => Grammar.Gbnf("root ::= (a){1,1000000000}\na ::= (\"(\" a \")\")? b\nb ::= (\"[\" b \"]\")?")),
        ("large counts", () => Grammar.Gbnf("root ::= ([a-z]{1,1000000000} \" \"){1,1000000000}")),
        ("counts of counts", () => Grammar.Gbnf("root ::= ((((\"ab\"{1,1000000000}){1,1000000000}){1,1000000000}){1,1000000000}){2,1000000000}")),
        ("an exact large count", () => Grammar.Gbnf("root ::= \"a\"{1000000000}")),
        ("1 MB of rules", () => Grammar.Gbnf("root ::= r0\n" + Many(40_000, i => $"r{i} ::= \"abc{i}\" | [a-z] r{(i * 7) % 40_000}\n"))),
        ("1 MB of one literal", () => Grammar.Gbnf($"root ::= \"{new string('a', 1 << 20)}\"")),
        ("1 MB of alternatives", () => Grammar.Gbnf("root ::= " + Many(100_000, i => $"\"{i}\" | ") + "\"x\"")),
        ("ambiguity", () => Grammar.Gbnf("root ::= s\ns ::= s s | s s s | \"a\" | \"\"")),
        ("regex groups", () => Grammar.Regex(new string('(', 60_000) + "a" + new string(')', 60_000))),
        ("regex groups with text", () => Grammar.Regex(Many(60_000, _ => "(?:a") + Many(60_000, _ => "b)?"))),
        ("regex counts", () => Grammar.Regex("(((a{1,1000000000}){1,1000000000}b?){1,1000000000}c?){1,1000000000}")),
        ("regex that explodes", () => Grammar.Regex("(a|b)*a(a|b){1000}c|(?:(?:a|aa)+)+$")),
        ("regex lookaheads", () => Grammar.Regex(Many(2_000, i => $"(?=.*a{{{i}}}b)") + ".*")),
        ("regex optionals", () => Grammar.Regex(Many(60_000, _ => "a?") + Many(60_000, _ => "a"))),
        ("a deep schema", () => Grammar.JsonSchema(Many(20_000, _ => "{\"items\":") + "true" + new string('}', 20_000))),
        ("a deep value", () => Grammar.JsonSchema("{\"const\":" + new string('[', 20_000) + new string(']', 20_000) + "}")),
        ("a large enum", () => Grammar.JsonSchema("{\"enum\":[" + string.Join(',', Enumerable.Range(0, 100_000).Select(i => $"\"value {i * 7919L % 1_000_003}\"")) + "]}")),
        ("a large enum of numbers", () => Grammar.JsonSchema("{\"enum\":[" + string.Join(',', Enumerable.Range(0, 100_000)) + "]}")),
        ("two large enums", () => Grammar.JsonSchema("{\"enum\":[" + string.Join(',', Enumerable.Range(0, 20_000)) + "],\"allOf\":[{\"enum\":[" + string.Join(',', Enumerable.Range(10_000, 20_000)) + "]}]}")),
        ("many properties", () => Grammar.JsonSchema("{\"properties\":{" + string.Join(',', Enumerable.Range(0, 20_000).Select(i => $"\"p{i}\":{{\"type\":\"integer\"}}")) + "}}")),
        ("many required", () => Grammar.JsonSchema("{\"required\":[" + string.Join(',', Enumerable.Range(0, 20_000).Select(i => $"\"p{i}\"")) + "]}")),
        ("anyOf of anyOf", () => Grammar.JsonSchema("{\"allOf\":[" + string.Join(',', Enumerable.Range(0, 40).Select(i => $"{{\"anyOf\":[{{\"minimum\":{i}}},{{\"maximum\":{i}}},{{\"minLength\":{i}}}]}}")) + "]}")),
        ("a circle of references", () => Grammar.JsonSchema("{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"$ref\":\"#\"}]}}}")),
        ("oneOf of references", () => Grammar.JsonSchema("{\"oneOf\":[" + string.Join(',', Enumerable.Range(0, 300).Select(_ => "{\"$ref\":\"#\"}")) + "]}")),
        ("an endless value", () => Grammar.JsonSchema("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"$ref\":\"#\"}}}")),
        ("patterns together", () => Grammar.JsonSchema("{\"allOf\":[" + string.Join(',', Enumerable.Range(2, 60).Select(i => $"{{\"pattern\":\"^(a{{{i}}})*b\"}}")) + "]}")),
        ("large multiples", () => Grammar.JsonSchema("{\"type\":\"integer\",\"multipleOf\":1999999973,\"minimum\":12345678901}")),
        ("long strings", () => Grammar.JsonSchema("{\"type\":\"string\",\"minLength\":1000000000,\"pattern\":\"a\"}")),
        ("long lists", () => Grammar.JsonSchema("{\"type\":\"array\",\"minItems\":1000000000,\"items\":{\"minProperties\":1000}}")),
        ("half a pair", () => Grammar.JsonSchema("{\"const\":\"\\ud800\"}")),
        ("large numbers", () => Grammar.JsonSchema("{\"minimum\":1e999999999,\"maximum\":" + new string('9', 100_000) + "}")),
        ("many pattern properties", () => Grammar.JsonSchema("{\"patternProperties\":{" + string.Join(',', Enumerable.Range(0, 6).Select(i => $"\"(a|b)*a(a|b){{{i + 9}}}\":{{\"minimum\":{i}}}")) + "}}")),
    }.Select(hostile => new object[] { hostile.Name, hostile.Make });

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
