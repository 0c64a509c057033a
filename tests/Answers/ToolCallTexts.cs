using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Edge.Llm.Answers;

namespace Edge.Llm.Tests.Answers;

/// <summary>Tool calls as models of each style write them.</summary>
internal static class ToolCallTexts
{
    /// <summary>A style's name and its text of some calls.</summary>
    internal static readonly (string Style, Func<Call[], string> Write)[] Styles =
    [
        ("hermes", calls => Join(calls, "\n", call => $$"""<tool_call>{{"\n"}}{"name": "{{call.Name}}", "arguments": {{call.Json}}}{{"\n"}}</tool_call>""")),
        ("llama", calls => Join(calls, "; ", call => $$"""{"name": "{{call.Name}}", "parameters": {{call.Json}}}""")),
        ("llama", calls => "<|python_tag|>" + Join(calls, "\n", call => $$"""{"name": "{{call.Name}}", "parameters": {{call.Json}}}""")),
        ("granite", calls => "<|tool_call|>[" + Join(calls, ", ", call => $$"""{"name": "{{call.Name}}", "arguments": {{call.Json}}}""") + "]"),
        ("mistral-list", calls =>
            "[TOOL_CALLS] [" + Join(calls, ", ", call => $$"""{"name": "{{call.Name}}", "arguments": {{call.Json}}, "id": "a1B2c3D4e"}""") + "]"),
        ("mistral", calls => Join(calls, "", call => $"[TOOL_CALLS]{call.Name}[ARGS]{call.Json}")),
        ("mistral", calls => Join(calls, "", call => $"[TOOL_CALLS]{call.Name}[CALL_ID]a1B2c3D4e[ARGS]{call.Json}")),
        ("mistral", calls => Join(calls, "", call => $"[TOOL_CALLS]{call.Name}{call.Json}")),
        ("harmony", calls => Join(calls, "<|start|>assistant", call => $"<|channel|>commentary to=functions.{call.Name} <|constrain|>json<|message|>{call.Json}<|call|>")),
        ("harmony", calls => Join(calls, "<|start|>assistant", call => $" to=functions.{call.Name}<|channel|>commentary json<|message|>{call.Json}<|call|>")),
        ("deepseek", calls => "<｜tool▁calls▁begin｜>"
            + Join(calls, "", call => $"<｜tool▁call▁begin｜>{call.Name}<｜tool▁sep｜>{call.Json}<｜tool▁call▁end｜>") + "<｜tool▁calls▁end｜>"),
        ("deepseek-r1", calls => "<｜tool▁calls▁begin｜>" + Join(calls, "\n", call =>
            $"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{call.Name}\n```json\n{call.Json}\n```<｜tool▁call▁end｜>") + "<｜tool▁calls▁end｜>"),
        ("gemma", calls => Join(calls, "", call => $"<|tool_call>call:{call.Name}{Bare(call.Arguments, "<|\"|>")}<tool_call|>")),
        ("function-gemma", calls => Join(calls, "", call => $"<start_function_call>call:{call.Name}{Bare(call.Arguments, "<escape>")}<end_function_call>")),
        ("qwen-coder", calls => Join(calls, "\n", call =>
            $"<tool_call>\n<function={call.Name}>\n{Keyed(call, (key, value) => $"<parameter={key}>\n{value}\n</parameter>\n")}</function>\n</tool_call>")),
        ("glm", calls => Join(calls, "\n", call =>
            $"<tool_call>{call.Name}\n{Keyed(call, (key, value) => $"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n")}</tool_call>")),
    ];

    /// <summary>A style by its name.</summary>
    internal static ToolStyle Find(string name) => ToolStyles.All.Single(style => style.Name == name);

    private static string Join(Call[] calls, string between, Func<Call, string> write) => string.Join(between, calls.Select(write));

    private static string Keyed(Call call, Func<string, string, string> write) =>
        string.Concat(call.Arguments.Select(pair => write(pair.Key, pair.Value is JsonValue value && value.GetValueKind() == JsonValueKind.String
            ? value.GetValue<string>() : pair.Value!.ToJsonString())));

    private static string Bare(JsonNode? node, string quote)
    {
        var text = new StringBuilder();
        switch (node)
        {
            case JsonObject members:
                text.Append('{').AppendJoin(',', members.Select(member => $"{member.Key}:{Bare(member.Value, quote)}")).Append('}');
                break;
            case JsonArray items: text.Append('[').AppendJoin(',', items.Select(item => Bare(item, quote))).Append(']'); break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String: text.Append(quote).Append(value.GetValue<string>()).Append(quote); break;
            default: text.Append(node?.ToJsonString() ?? "null"); break;
        }
        return text.ToString();
    }

    /// <summary>A tool's name, and its arguments.</summary>
    internal sealed record Call(string Name, JsonObject Arguments)
    {
        public string Json => Arguments.ToJsonString(s_json);

        private static readonly JsonSerializerOptions s_json = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    }

    /// <summary>A line of the shared tool calls.</summary>
    internal sealed record Case(string Id, ToolSet Tools, Call[] Calls);

    /// <summary>The shared tool calls.</summary>
    internal static Case[] Shared() => [.. File.ReadLines(Support.Settings.Shared("schemas", "toolcalls.jsonl")).Select(line =>
    {
        JsonNode row = JsonNode.Parse(line)!;
        return new Case(row["id"]!.GetValue<string>(), ToolSet.Parse(JsonSerializer.SerializeToElement(row["tools"])),
            [.. row["calls"]!.AsArray().Select(call => new Call(call!["name"]!.GetValue<string>(), call["arguments"]!.AsObject()))]);
    })];
}
