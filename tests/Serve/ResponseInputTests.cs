using System.Text.Json;
using Edge.Llm.Cli.Serve.Responses;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Tests.Serve;

/// <summary>Items of a request of /v1/responses as a conversation.</summary>
[TestClass]
public sealed class ResponseInputTests
{
    [TestMethod]
    [DataRow(""" "summary":[{"type":"summary_text","text":"sum"}],"content":[{"type":"reasoning_text","text":"hm"}] """, "\"hm\"")]
    [DataRow(""" "summary":[{"type":"summary_text","text":"sum"}],"content":[] """, "\"sum\"")]
    [DataRow(""" "summary":[{"type":"summary_text","text":"sum"}],"content":null """, "\"sum\"")]
    [DataRow(""" "summary":[{"type":"summary_text","text":"sum"}] """, "\"sum\"")]
    [DataRow(""" "summary":[],"content":[],"encrypted_content":"x" """, null)]
    public void ASummaryStandsForReasoningThatIsLeftOut(string members, string? reasoning)
    {
        string items = $$"""{"type":"reasoning","id":"rs_1",{{members}}},{"role":"assistant","content":"F"}""";
        Field body = new(JsonElement.Parse($$"""{"input":[{"role":"user","content":"C"},{{items}}]}"""), "");
        ChatMessage answer = ResponseInput.Read(body, reference => reference)[1];
        Assert.AreEqual(reasoning, answer.Members.SingleOrDefault(member => member.Key == "reasoning_content").Value is { ValueKind: JsonValueKind.String } text
            ? text.GetRawText() : null);
    }

    [TestMethod]
    public void ItemsOfOneSideAreOneTurn()
    {
        Field body = new(JsonElement.Parse("""
            {"instructions":"A","input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"B"}]},{"role":"user","content":"C"},
             {"type":"message","role":"user","content":[{"type":"input_text","text":"D"},{"type":"input_text","text":"E"}]},
             {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"other"}],"content":[{"type":"reasoning_text","text":"hm"}]},
             {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"F","annotations":[]}]},
             {"type":"function_call","id":"fc_1","call_id":"1","name":"f","arguments":"{\"x\":1}"},
             {"type":"function_call","call_id":"2","name":"g","arguments":"{}"},
             {"type":"function_call_output","call_id":"1","output":"one"},
             {"type":"function_call_output","call_id":"2","output":[{"type":"input_text","text":"two"}]}]}
            """), "");
        IReadOnlyList<ChatMessage> turns = ResponseInput.Read(body, reference => reference);
        Assert.AreEqual("system:A\n\nB|user:C\n\nD\nE|assistant:F|tool:one|tool:two", string.Join('|', turns.Select(turn => $"{turn.Role}:{turn.Content}")));
        Assert.AreEqual("\"hm\"", turns[2].Members.Single(member => member.Key == "reasoning_content").Value.GetRawText());
        JsonElement calls = turns[2].Members.Single(member => member.Key == "tool_calls").Value;
        Assert.AreEqual("1 f {\"x\":1}|2 g {}", string.Join('|', calls.EnumerateArray().Select(call =>
            $"{call.GetProperty("id").GetString()} {Of(call, "name")} {Of(call, "arguments")}")));
        Assert.AreEqual("\"2\"", turns[4].Members.Single(member => member.Key == "tool_call_id").Value.GetRawText());
    }

    private static string? Of(JsonElement call, string member) => call.GetProperty("function").GetProperty(member).GetString();
}
