using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>Reads a request of /v1/chat/completions.</summary>
internal static class ChatReader
{
    public static ChatRequest Read(Field body, RequestContext context)
    {
        GenerateOptions generate = RequestOptions.Generate(body, context);
        return new ChatRequest
        {
            Model = body["model"]?.Text(),
            Messages = Messages(body.Require("messages")),
            Answer = Answer(body, context),
            Choices = body["n"]?.Integer(1, Limits.Choices) ?? 1,
            Generate = generate with
            {
                MaxTokens = (body["max_completion_tokens"] ?? body["max_tokens"])?.Integer(-1) ?? generate.MaxTokens,
                Grammar = RequestOptions.Format(body),
                LogProbabilities = body["logprobs"]?.Flag() == true ? body["top_logprobs"]?.Integer(0, Limits.TopLogProbabilities) ?? 0 : null,
            },
        };
    }

    /// <summary>The turns. A developer speaks as the system does, which is the name that templates know.</summary>
    public static List<ChatMessage> Messages(Field messages)
    {
        var turns = new List<ChatMessage>();
        foreach (Field message in messages.Items(Limits.Messages))
        {
            string role = message.Require("role").OneOf("system", "developer", "user", "assistant", "tool", "function");
            if (role == "developer") role = "system";
            var turn = new ChatMessage(role, message["content"] is { } content ? Content(content) : role == "assistant" ? null : "");
            if (message["name"] is { } name) turn = turn.With("name", Text(name));
            if (message["reasoning_content"] is { } reasoning) turn = turn.With("reasoning_content", Text(reasoning));
            if (message["tool_call_id"] is { } id) turn = turn.With("tool_call_id", Text(id));
            if (message["tool_calls"] is { } calls && Calls(calls) is { Count: > 0 } list) turn = turn.With("tool_calls", ChatAnswer.CallsJson(list));
            turns.Add(turn);
        }
        return turns.Count > 0 ? turns : throw messages.Error("expected one message at least");
    }

    /// <summary>A text, or the texts of parts.</summary>
    public static string Content(Field content)
    {
        if (content.IsText) return content.Text();
        if (!content.IsList) throw content.Wrong("a string or an array of parts");
        return string.Join('\n', content.Items(Limits.Messages).Select(part => part.Require("type").Text() switch
        {
            "text" or "input_text" or "output_text" => part.Require("text").Text(),
            "refusal" => part.Require("refusal").Text(),
            var other => throw NotText(part, other),
        }));
    }

    public static ApiException NotText(Field part, string type) => part["type"]!.Value.Error(
        $"parts of type '{(type.Length <= 40 ? type : type[..40])}' (images, audio, files) are not supported: this server reads text, and fetches nothing", "unsupported_content_type");

    /// <summary>Tools, and what the model may do with them.</summary>
    private static AnswerOptions Answer(Field body, RequestContext context)
    {
        AnswerOptions answer = new()
        {
            Tools = body["tools"] is { } tools ? Tools(tools) : null,
            ParallelToolCalls = body["parallel_tool_calls"]?.Flag() ?? true,
            ReasoningBudget = (body["reasoning_budget"] ?? body["thinking_budget_tokens"])?.Integer(-1) ?? context.Options.ReasoningBudget,
            Variables = RequestOptions.WithEffort(RequestOptions.Variables(body["chat_template_kwargs"]), body["reasoning_effort"]),
        };
        if (body["tool_choice"] is not { } choice) return answer;
        if (choice.IsText) return answer with { ToolChoice = ChoiceOf(choice) };
        return choice.Require("type").OneOf("function", "allowed_tools") == "function"
            ? answer with { ToolName = choice.Require("function").Require("name").Text() }
            : throw choice.Error("allowed_tools is not supported: name the tools in 'tools'");
    }

    public static ToolChoice ChoiceOf(Field choice) => choice.OneOf("none", "auto", "required") switch
    {
        "none" => ToolChoice.None, "required" => ToolChoice.Required, _ => ToolChoice.Auto,
    };

    // The engine reads them; here they are counted, and those of other types refused by name.
    private static JsonElement? Tools(Field tools)
    {
        Field[] items = tools.Items(Limits.Tools);
        foreach (Field tool in items)
            if (tool["type"]?.OneOf("function") is null) throw tool.Error("expected a type of 'function'");
        return items.Length == 0 ? null : tools.Json;
    }

    private static List<ToolCall> Calls(Field calls)
    {
        var list = new List<ToolCall>();
        foreach (Field call in calls.Items(Limits.Tools))
        {
            Field function = call.Require("function");
            list.Add(new ToolCall(call["id"]?.Text() ?? "", function.Require("name").Text(), function["arguments"]?.Text() ?? "{}"));
        }
        return list;
    }

    private static JsonElement Text(Field text) => text.IsText ? text.Json : throw text.Wrong("a string");
}
