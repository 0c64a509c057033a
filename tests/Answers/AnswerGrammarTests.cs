using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Edge.Llm.Answers;
using Edge.Llm.Tests.Grammars;
using Edge.Llm.Tests.Support;
using Json.Schema;

namespace Edge.Llm.Tests.Answers;

/// <summary>Answers that follow the grammar of their tools.</summary>
[TestClass]
public sealed class AnswerGrammarTests
{
    private const string Weather = """
        [{"type": "function", "function": {"name": "get.weather", "parameters": {"type": "object", "required": ["city"],
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}, {"name": "now"}]
        """;

    private static readonly ReasoningStyle s_think = new([], "<think>", "</think>");

    private static readonly Lazy<Tokenizer> s_withControlTokens = new(() => SmallVocabularies.Bpe(special:
    [
        ("<|end|>", TokenType.Control), ("[TOOL_CALLS]", TokenType.Control), ("[ARGS]", TokenType.Control), ("<|tool_call|>", TokenType.Control),
        ("<think>", TokenType.Control), ("</think>", TokenType.Control), ("<｜tool▁calls▁begin｜>", TokenType.Control), ("<｜tool▁calls▁end｜>", TokenType.Control),
        ("<｜tool▁call▁begin｜>", TokenType.Control), ("<｜tool▁call▁end｜>", TokenType.Control), ("<｜tool▁sep｜>", TokenType.Control),
        ("<|python_tag|>", TokenType.Control), ("<tool_call>", TokenType.UserDefined), ("</tool_call>", TokenType.UserDefined), ("<|other|>", TokenType.Control),
    ]));

    private static Tokenizer Vocabulary(int i) => i switch
    {
        0 => s_withControlTokens.Value,
        1 => SharedVocabularies.Load("llama-bpe"),
        _ => SharedVocabularies.Load("qwen2"),
    };

    private static CompiledGrammar Compile(Tokenizer tokenizer, ToolStyle style, ReasoningStyle? reasoning, string tools, bool forced, string named = "",
        bool parallel = true, bool inReasoning = false, Grammar? content = null) =>
        Grammar.Of(new AnswerGrammar(style, reasoning, inReasoning, tools, forced, named, parallel, content)).Compile(tokenizer);

    // What a reader gets: the control tokens that markers are made of are rendered.
    private static string Text(Tokenizer tokenizer, IEnumerable<int> ids, ToolStyle style, ReasoningStyle? reasoning)
    {
        HashSet<int> rendered = new MarkerSpelling(tokenizer.Vocabulary).ControlTokens(MarkerSpelling.TextsOf(style, reasoning));
        var bytes = new List<byte>();
        foreach (int id in ids) bytes.AddRange(tokenizer.DecodeToken(id, rendered.Contains(id)));
        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static (string Content, List<(string Name, string Arguments)> Calls) Scan(AnswerScanner scanner, string text)
    {
        var content = new StringBuilder();
        var calls = new List<(string, string)>();
        var arguments = new StringBuilder();
        foreach (AnswerDelta delta in (AnswerDelta[])[.. scanner.Append(text), .. scanner.Finish()])
            switch (delta.Part)
            {
                case AnswerPart.Content: content.Append(delta.Text); break;
                case AnswerPart.CallBegin: calls.Add((delta.Name!, "")); break;
                case AnswerPart.Arguments: arguments.Append(delta.Text); break;
                case AnswerPart.CallEnd:
                    calls[^1] = (calls[^1].Item1, arguments.ToString());
                    arguments.Clear();
                    break;
                case AnswerPart.CallBroken: Assert.Fail("a call broke off: " + text); break;
            }
        return (content.ToString(), calls);
    }

    // Random tokens that the masks allow, to the end. Marks that end something come more often: of a large vocabulary they are few.
    private static List<int> Complete(GrammarMatcher matcher, Tokenizer tokenizer, Random random, int limit, List<int> ids)
    {
        int[] marks = [.. "\"}],<".Select(mark => tokenizer.Vocabulary.Find(Encoding.UTF8.GetBytes([mark])))];
        var mask = new TokenMask(tokenizer.Vocabulary.Count);
        for (; ; )
        {
            matcher.Fill(mask, limit - ids.Count);
            int token = marks[random.Next(marks.Length)];
            if (random.Next(2) > 0 || token < 0 || !mask[token]) token = mask.Next(random.Next(tokenizer.Vocabulary.Count));
            if (token < 0) token = mask.Next(0);
            Assert.IsTrue(matcher.Accept(token), $"token {token} is allowed by the mask");
            if (tokenizer.Vocabulary.IsEndOfGeneration(token)) return ids;
            ids.Add(token);
        }
    }

    private static void AssertValid(ToolSet tools, List<(string Name, string Arguments)> calls, string text)
    {
        foreach ((string name, string arguments) in calls)
        {
            JsonSchema schema = JsonSchema.FromText(tools.SchemaOf(name), new BuildOptions { Dialect = Dialect.Draft07 });
            EvaluationResults results = schema.Evaluate(JsonDocument.Parse(arguments).RootElement);
            Assert.IsTrue(results.IsValid, $"{name}({arguments}) of {tools.SchemaOf(name)}: {text}");
        }
    }

    [TestMethod]
    public void ForcedCallsAreValidWhateverTheLogitsAre()
    {
        ToolCallTexts.Case[] cases = ToolCallTexts.Shared();
        int calls = 0;
        for (int i = 0; i < (Settings.Full ? 1000 : 65); i++)
        {
            ToolStyle style = ToolStyles.All[i % ToolStyles.All.Count];
            ToolCallTexts.Case given = cases[(i * 7) % cases.Length];
            Tokenizer tokenizer = Vocabulary(i / ToolStyles.All.Count % 3);
            ReasoningStyle? reasoning = style == ToolStyles.Harmony ? ToolStyles.ReasoningOf("<|channel|><|message|>") : i % 2 == 0 ? s_think : null;
            CompiledGrammar grammar = Compile(tokenizer, style, reasoning, given.Tools.Json.GetRawText(), forced: true);
            List<int> ids = Complete(grammar.NewMatcher(), tokenizer, new Random(i), Math.Max(1000, grammar.ShortestTokens), []);
            string text = Text(tokenizer, ids, style, reasoning);
            (string content, List<(string Name, string Arguments)> found) = Scan(new AnswerScanner(new AnswerFormat(style, reasoning, false, given.Tools), 1), text);
            Assert.AreEqual("", content, $"{style.Name}: {text}");
            Assert.IsNotEmpty(found, $"{style.Name}: {text}");
            AssertValid(given.Tools, found, $"{style.Name}: {text}");
            calls += found.Count;
        }
        Console.WriteLine($"{calls} calls");
    }

    [TestMethod]
    public void CallsOfEveryStyleAreTextsOfTheGrammar()
    {
        Tokenizer tokenizer = Vocabulary(1);
        var styles = ToolCallTexts.Styles.DistinctBy(style => style.Style).ToDictionary(style => style.Style, style => style.Write);
        foreach (ToolStyle style in ToolStyles.All)
            foreach (ToolCallTexts.Case given in ToolCallTexts.Shared().Where((_, i) => Settings.Full || i % 12 == 0))
            {
                string text = styles[style.Name]([.. given.Calls.Select(call => InOrder(call, given.Tools))]);
                if (style.Name == "harmony" && given.Calls.Length > 1) continue; // an answer has one
                if (style.Name == "mistral-list") text = text.Replace(", \"id\": \"a1B2c3D4e\"", "").Replace("[TOOL_CALLS] ", "[TOOL_CALLS]");
                ReasoningStyle? reasoning = style == ToolStyles.Harmony ? ToolStyles.ReasoningOf("<|channel|><|message|>") : null;
                string tools = given.Tools.Json.GetRawText();
                Assert.IsTrue(Compile(tokenizer, style, reasoning, tools, forced: true).Accepts(tokenizer, text), $"{style.Name}: {text}");
                CompiledGrammar auto = Compile(tokenizer, style, reasoning, tools, forced: false);
                string before = style.AtStart.Length > 0 ? "" : "Let me see.\n";
                Assert.IsTrue(auto.Accepts(tokenizer, before + text), $"{style.Name}: {before}{text}");
                if (style.Name != "harmony") Assert.IsTrue(auto.Accepts(tokenizer, "<tool, [1], {\"name\": \"x\"} are no calls. \n"), style.Name);
            }
    }

    // Arguments in the order of their schema.
    private static ToolCallTexts.Call InOrder(ToolCallTexts.Call call, ToolSet tools)
    {
        JsonObject properties = JsonNode.Parse(tools.SchemaOf(call.Name))!["properties"]!.AsObject();
        return new ToolCallTexts.Call(call.Name, new JsonObject(properties.Where(property => call.Arguments.ContainsKey(property.Key))
            .Select(property => KeyValuePair.Create(property.Key, (JsonNode?)call.Arguments[property.Key]!.DeepClone()))));
    }

    [TestMethod]
    public void WhatFollowsAnOpeningIsAValidCall()
    {
        ToolSet tools = ToolSet.Parse(Weather);
        int calls = 0;
        for (int i = 0; i < (Settings.Full ? 390 : 39); i++)
        {
            ToolStyle style = ToolStyles.All[i % ToolStyles.All.Count];
            Tokenizer tokenizer = Vocabulary(i / ToolStyles.All.Count % 3);
            ReasoningStyle? reasoning = style == ToolStyles.Harmony ? ToolStyles.ReasoningOf("<|channel|><|message|>") : s_think;
            CompiledGrammar grammar = Compile(tokenizer, style, reasoning, Weather, forced: false);
            GrammarMatcher matcher = grammar.NewMatcher();
            var random = new Random(i);
            // Free text, then the trigger as the vocabulary has it, then whatever the masks allow.
            string start = style == ToolStyles.Harmony ? style.First[0] : style.AtStart is [string atStart, ..] ? atStart : "Well: <tool " + style.Trigger;
            var ids = new List<int>(tokenizer.Encode(start, addSpecial: false, parseSpecial: true));
            foreach (int id in ids) Assert.IsTrue(matcher.Accept(id), $"{style.Name}: {start}");
            Complete(matcher, tokenizer, random, 1000, ids);
            string text = Text(tokenizer, ids, style, reasoning);
            (string content, List<(string Name, string Arguments)> found) = Scan(new AnswerScanner(new AnswerFormat(style, reasoning, false, tools), 1), text);
            if (style.AtStart.Length == 0 || style == ToolStyles.Harmony) // others may go on as text
            {
                Assert.IsTrue("Well: <tool".StartsWith(content, StringComparison.Ordinal), $"{style.Name}: {text}");
                Assert.IsNotEmpty(found, $"{style.Name}: {text}");
            }
            AssertValid(tools, found, text);
            calls += found.Count;
        }
        Assert.IsGreaterThan(30, calls);
    }

    [TestMethod]
    public void ChoicesNarrowTheCalls()
    {
        Tokenizer tokenizer = Vocabulary(0);
        const string Now = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", City = "<tool_call>\n{\"name\": \"get.weather\", \"arguments\": {\"city\": \"Bern\"}}\n</tool_call>";
        CompiledGrammar named = Compile(tokenizer, ToolStyles.Hermes, s_think, Weather, forced: true, named: "now");
        Assert.IsTrue(named.Accepts(tokenizer, Now));
        Assert.IsFalse(named.Accepts(tokenizer, City));
        Assert.IsFalse(named.Accepts(tokenizer, Now + "\n" + Now));
        CompiledGrammar single = Compile(tokenizer, ToolStyles.Hermes, s_think, Weather, forced: true, parallel: false);
        Assert.IsTrue(single.Accepts(tokenizer, City));
        Assert.IsFalse(single.Accepts(tokenizer, City + "\n" + Now));
        CompiledGrammar several = Compile(tokenizer, ToolStyles.Hermes, s_think, Weather, forced: true);
        Assert.IsTrue(several.Accepts(tokenizer, City + "\n" + Now));
        Assert.IsFalse(several.Accepts(tokenizer, "Hi"));
        Assert.IsFalse(several.Accepts(tokenizer, City.Replace("\"city\"", "\"town\"")));
    }

    [TestMethod]
    public void ToolsThatCannotBeWrittenAreNamed()
    {
        string tools = """[{"name": "a.b", "parameters": {"type": "object", "properties": {"x": {"type": "array", "contains": {"const": 1}}}}}]""";
        foreach (ToolStyle style in ToolStyles.All)
        {
            var error = Assert.ThrowsExactly<EdgeLlmException>(() => Compile(Vocabulary(0), style, null, tools, forced: false));
            Assert.AreEqual(ErrorCode.GrammarError, error.Code);
            StringAssert.StartsWith(error.Message, "tool \"a.b\": #/properties/x: ");
        }
        foreach (string wrong in (string[])["{}", "[1]", "[{}]", """[{"name": "a b"}]""", """[{"name": "a"}, {"name": "a"}]""", """[{"name": "a", "parameters": 1}]""",
            """[{"name": "\ud800"}]""", """[{"name": "a", "parameters": {"x": "\ud800"}}]""", "[", ""])
            Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => ToolSet.Parse(wrong), wrong).Code);
    }

    [TestMethod]
    public void OtherControlTokensStandInFreeText()
    {
        Tokenizer tokenizer = Vocabulary(0);
        CompiledGrammar grammar = Compile(tokenizer, ToolStyles.Hermes, s_think, Weather, forced: false);
        GrammarMatcher matcher = grammar.NewMatcher();
        var mask = new TokenMask(tokenizer.Vocabulary.Count);
        foreach (int token in (int[])[tokenizer.Id("h"), tokenizer.Id("<|other|>"), tokenizer.Id("he")])
        {
            matcher.Fill(mask);
            Assert.IsTrue(mask[token]);
            Assert.IsTrue(mask[tokenizer.Id("<|other|>")]);
            Assert.IsTrue(matcher.IsComplete);
            Assert.IsTrue(matcher.Accept(token));
        }
    }
}
