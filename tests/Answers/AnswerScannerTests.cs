using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Edge.Llm.Answers;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Answers;

/// <summary>What the scanner makes of the text of an answer, whatever pieces it comes in.</summary>
[TestClass]
public sealed class AnswerScannerTests
{
    private static readonly ToolSet s_tools = ToolSet.Parse(JsonDocument.Parse("""
        [{"type": "function", "function": {"name": "get.weather", "parameters": {"type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}, {"name": "now"}]
        """).RootElement);

    private static readonly ReasoningStyle s_think = new([], "<think>", "</think>");

    /// <summary>An answer put together again.</summary>
    private sealed class Answer
    {
        public StringBuilder Content { get; } = new();
        public StringBuilder Reasoning { get; } = new();
        public List<(string Id, string Name, StringBuilder Arguments, AnswerPart? End)> Calls { get; } = [];
        public List<string> Broken { get; } = [];

        public static Answer Of(AnswerScanner scanner, IEnumerable<string> pieces)
        {
            var answer = new Answer();
            foreach (string piece in pieces) answer.Add(scanner.Append(piece));
            answer.Add(scanner.Finish());
            return answer;
        }

        private void Add(IReadOnlyList<AnswerDelta> deltas)
        {
            foreach (AnswerDelta delta in deltas)
                switch (delta.Part)
                {
                    case AnswerPart.Content: Content.Append(delta.Text); break;
                    case AnswerPart.Reasoning: Reasoning.Append(delta.Text); break;
                    case AnswerPart.CallBegin:
                        Assert.AreEqual(Calls.Count, delta.Index);
                        Calls.Add((delta.Id!, delta.Name!, new StringBuilder(), null));
                        break;
                    case AnswerPart.Arguments: Calls[delta.Index].Arguments.Append(delta.Text); break;
                    default:
                        Assert.IsNull(Calls[delta.Index].End);
                        Calls[delta.Index] = Calls[delta.Index] with { End = delta.Part };
                        if (delta.Part == AnswerPart.CallBroken) Broken.Add(delta.Text);
                        break;
                }
        }

        public override string ToString() => $"content [{Content}] reasoning [{Reasoning}]"
            + string.Concat(Calls.Select(call => $" {call.Name}({call.Arguments}){(call.End == AnswerPart.CallEnd ? "" : "!")}"));
    }

    private static AnswerScanner Scanner(string? style, bool inReasoning = false, ReasoningStyle? reasoning = null, ToolSet? tools = null) =>
        new(new AnswerFormat(style is null ? null : ToolCallTexts.Find(style), reasoning ?? s_think, inReasoning, tools ?? s_tools), 7);

    private static string Scan(string? style, string text, bool inReasoning = false)
    {
        string whole = Answer.Of(Scanner(style, inReasoning), [text]).ToString();
        Assert.AreEqual(whole, Answer.Of(Scanner(style, inReasoning), text.Select(c => c.ToString())).ToString(), "one character at a time");
        return whole;
    }

    private static void AssertCalls(ToolCallTexts.Case expected, string style, AnswerScanner scanner, string[] pieces)
    {
        string where = $"{style}, {expected.Id}: {string.Join('|', pieces)}";
        Answer answer = Answer.Of(scanner, pieces);
        Assert.AreEqual("", answer.Content.ToString(), where);
        Assert.AreEqual("", answer.Reasoning.ToString(), where);
        CollectionAssert.AreEqual(expected.Calls.Select(call => call.Name).ToArray(), answer.Calls.Select(call => call.Name).ToArray(), where);
        for (int i = 0; i < expected.Calls.Length; i++)
        {
            Assert.AreEqual(AnswerPart.CallEnd, answer.Calls[i].End, where);
            Assert.IsTrue(JsonNode.DeepEquals(expected.Calls[i].Arguments, JsonNode.Parse(answer.Calls[i].Arguments.ToString())), where);
        }
        CollectionAssert.AllItemsAreUnique(answer.Calls.Select(call => call.Id).ToArray(), where);
    }

    [TestMethod]
    public void CallsComeBackFromEveryStyleCutAtEveryCharacter()
    {
        ToolCallTexts.Case[] all = ToolCallTexts.Shared();
        int step = Settings.Full ? 1 : 8;
        foreach ((string style, Func<ToolCallTexts.Call[], string> write) in ToolCallTexts.Styles)
            for (int i = 0; i < all.Length; i++)
            {
                ToolCallTexts.Case expected = all[i];
                string text = write(expected.Calls);
                AnswerScanner Fresh() => Scanner(style, reasoning: style == "harmony" ? ToolStyles.ReasoningOf("<|channel|><|message|>") : null, tools: expected.Tools);
                AssertCalls(expected, style, Fresh(), [text]);
                AssertCalls(expected, style, Fresh(), [.. text.Select(c => c.ToString())]);
                if (i % step > 0) continue;
                for (int cut = 1; cut < text.Length; cut++) AssertCalls(expected, style, Fresh(), [text[..cut], text[cut..]]);
            }
    }

    [TestMethod]
    [DataRow("llama-bpe")]
    [DataRow("qwen2")]
    [DataRow("llama-spm")]
    public void CallsComeBackCutAtEveryToken(string vocabulary)
    {
        Tokenizer tokenizer = SharedVocabularies.Load(vocabulary);
        foreach (ToolCallTexts.Case expected in ToolCallTexts.Shared())
            foreach ((string style, Func<ToolCallTexts.Call[], string> write) in ToolCallTexts.Styles)
            {
                string text = write(expected.Calls);
                if (vocabulary == "llama-spm" && text.Contains('▁')) continue; // which stands for a space there
                var decoder = new StreamingDecoder(tokenizer, special: true, continuation: true);
                string[] pieces = [.. tokenizer.Encode(text, addSpecial: false, parseSpecial: true).Select(decoder.Append), decoder.Flush()];
                string joined = string.Concat(pieces);
                if (joined.StartsWith(' ') && joined[1..] == text) pieces[0] = pieces[0][1..]; // the space that SentencePiece puts before a text
                Assert.AreEqual(text, string.Concat(pieces));
                AssertCalls(expected, style, Scanner(style, tools: expected.Tools), pieces);
            }
    }

    [TestMethod]
    [DataRow("hermes", "Let me see.\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", "content [Let me see.] reasoning [] now({})")]
    [DataRow("hermes", "<think>\nHm.\n</think>\n\nHi", "content [Hi] reasoning [Hm.]")]
    [DataRow("hermes", "<think>a</think><tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call> ", "content [] reasoning [a] now({})")]
    [DataRow("hermes", "Use <think> tags.", "content [Use <think> tags.] reasoning []")]
    [DataRow("hermes", "<tool_call>\n{\"name\": \"other\", \"arguments\": {}}\n</tool_call>",
        "content [<tool_call>\n{\"name\": \"other\", \"arguments\": {}}\n</tool_call>] reasoning []")]
    [DataRow("hermes", "<tool_call><tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>", "content [<tool_call>] reasoning [] now({})")]
    [DataRow("hermes", "<tool_call>\n{\"name\": \"now\", \"arg", "content [<tool_call>\n{\"name\": \"now\", \"arg] reasoning []")]
    [DataRow("hermes", "a < b <tool", "content [a < b <tool] reasoning []")]
    [DataRow("hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {\"a\": 1", "content [] reasoning [] now({\"a\": 1)!")]
    [DataRow("hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {\"a\": !} x", "content [!} x] reasoning [] now({\"a\": )!")]
    [DataRow("hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_c", "content [] reasoning [] now({})")]
    [DataRow("hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {}} and more", "content [} and more] reasoning [] now({})")]
    [DataRow("hermes", "trailing \n", "content [trailing \n] reasoning []")]
    [DataRow("llama", "{\"name\": \"Bob\", \"parameters\": 1}", "content [{\"name\": \"Bob\", \"parameters\": 1}] reasoning []")]
    [DataRow("llama", "So {\"name\": \"now\", \"parameters\": {}}", "content [So {\"name\": \"now\", \"parameters\": {}}] reasoning []")]
    [DataRow("llama", "{\"name\": \"get.weather\", \"parameters\": {\"city\": \"Bern\"}}", "content [] reasoning [] get.weather({\"city\": \"Bern\"})")]
    [DataRow("mistral", "[1, 2] [TOOL_CALLS]now[ARGS]{}", "content [[1, 2]] reasoning [] now({})")]
    [DataRow("qwen-coder", "<tool_call>\n<function=get.weather>\n<parameter=city>\nA \"b\"\n\n<c>\n</parameter>\n<parameter=days>\nTrue\n</parameter>\n</function>\n</tool_call>",
        "content [] reasoning [] get.weather({\"city\": \"A \\\"b\\\"\\n\\n<c>\", \"days\": true})")]
    [DataRow("qwen-coder", "<tool_call>\n<function=now>\n<parameter=x>\n{'a': [None, \"it's\"]}\n</parameter>\n</function>\n</tool_call>",
        "content [] reasoning [] now({\"x\": {\"a\": [null, \"it's\"]}})")]
    [DataRow("gemma", "<|tool_call>call:now{a:<|\"|>x \"<y<|\"|>,b:[1,true]}<tool_call|>", "content [] reasoning [] now({\"a\":\"x \\\"<y\",\"b\":[1,true]})")]
    [DataRow("granite", "<|tool_call|>[]", "content [<|tool_call|>[]] reasoning []")]
    [DataRow(null, " as it is \n", "content [ as it is \n] reasoning []")]
    public void PartsOfAnAnswerAreToldApart(string? style, string text, string expected) => Assert.AreEqual(expected, Scan(style, text));

    [TestMethod]
    [DataRow("Hm.\n</think>\n\nHi", "content [Hi] reasoning [Hm.]")]
    [DataRow("Hm <tool_call> no end", "content [] reasoning [Hm <tool_call> no end]")]
    public void AReasoningSectionMayBeOpenAtTheStart(string text, string expected) => Assert.AreEqual(expected, Scan("hermes", text, inReasoning: true));

    [TestMethod]
    public void HarmonyHasChannels()
    {
        string text = "<|channel|>analysis<|message|>User asks.<|end|><|start|>assistant<|channel|>commentary<|message|>One moment.<|end|>"
            + "<|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}<|call|>";
        var scanner = Scanner("harmony", reasoning: ToolStyles.ReasoningOf("<|channel|><|message|>"));
        Assert.AreEqual("content [One moment.] reasoning [User asks.] now({})", Answer.Of(scanner, text.Select(c => c.ToString())).ToString());
        scanner = Scanner("harmony", reasoning: ToolStyles.ReasoningOf("<|channel|><|message|>"));
        Assert.AreEqual("content [Hello] reasoning [Hm]", Answer.Of(scanner, ["<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final<|message|>Hello"]).ToString());
    }

    [TestMethod]
    public void ArgumentsComeBeforeTheyAreComplete()
    {
        AnswerScanner scanner = Scanner("hermes");
        Assert.IsEmpty(scanner.Append("<tool_call>\n{\"name\": \"get.weather\", \"arguments\": "));
        AnswerDelta[] deltas = [.. scanner.Append("{\"city\": \"Be")];
        Assert.AreEqual(new AnswerDelta(AnswerPart.CallBegin, "", 0, deltas[0].Id, "get.weather"), deltas[0]);
        Assert.AreEqual(new AnswerDelta(AnswerPart.Arguments, "{\"city\": \"Be", 0), deltas[1]);
        deltas = [.. scanner.Append("rn\"}")];
        Assert.AreEqual(new AnswerDelta(AnswerPart.Arguments, "rn\"}", 0), deltas[0]);
        Assert.AreEqual(AnswerPart.CallEnd, deltas[1].Part);
    }

    [TestMethod]
    public void NoTextIsLostOrChangesWithItsPieces()
    {
        string[] parts = [.. ToolStyles.All.SelectMany(style => (string[])[.. style.First, .. style.AtStart, .. style.Next, .. style.Middle, .. style.Close, style.End, .. style.Skipped]),
            "now", "get.weather", "{", "}", "{}", "[", "]", "\"", "\"city\"", ": ", "\\", "\n", " ", "<", "x", "\uD83D", "é", "<parameter=", "city>", "</parameter>", "</function>",
            "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "<|\"|>", "<think>", "</think>", "call:", "123", "true", "\0"];
        var random = new Random(11);
        for (int i = 0; i < (Settings.Full ? 200_000 : 8_000); i++)
        {
            ToolStyle style = ToolStyles.All[i % ToolStyles.All.Count];
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => parts[random.Next(parts.Length)]).Select(part =>
                random.Next(4) == 0 ? part[random.Next(part.Length)..] : part)).Replace(Marker.OptionalSpace, ' ').Replace(Marker.Word, 'q');
            Answer whole = Answer.Of(Scanner(style.Name), [text]);
            int cut = random.Next(text.Length + 1);
            Assert.AreEqual(whole.ToString(), Answer.Of(Scanner(style.Name), [text[..cut], text[cut..]]).ToString(), text);
            Assert.AreEqual(whole.ToString(), Answer.Of(Scanner(style.Name), text.Select(c => c.ToString())).ToString(), text);
            foreach (var call in whole.Calls)
                if (call.End == AnswerPart.CallEnd && !text.Contains('\uD83D')) using (JsonDocument.Parse(call.Arguments.ToString())) { }
            if (whole.Calls.Count == 0 && !text.Contains("think") && style.Skipped.Length == 0)
                Assert.AreEqual(text, whole.Content.ToString());
        }
    }

    [TestMethod]
    public void ALongTextTakesTimeThatGrowsWithItsLengthOnly()
    {
        // Openings that fail, over and over: what is held back each time is bounded.
        foreach (string again in (string[])["<tool_call>", "<tool_call>\n{\"name\": \"now", "<", "{\"name\": \"", " ", "<tool_call>{\"name\": \"now\", \"arguments\":    "])
        {
            string text = string.Concat(Enumerable.Repeat(again, 200_000 / again.Length));
            Assert.AreEqual(text, Answer.Of(Scanner("hermes"), [text]).Content.ToString());
        }
    }

    [TestMethod]
    public void IdsDiffer()
    {
        string[] ids = [.. Enumerable.Range(0, 2000).Select(i => CallIds.Of((ulong)(i / 1000), i % 1000, isShort: true))];
        CollectionAssert.AllItemsAreUnique(ids);
        Assert.IsTrue(ids.All(id => id.Length == 9 && id.All(char.IsAsciiLetterOrDigit)));
        Assert.AreEqual("call_" + ids[3], CallIds.Of(0, 3, isShort: false));
    }
}
