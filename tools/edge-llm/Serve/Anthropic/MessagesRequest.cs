using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Anthropic;

/// <summary>Reads a request of /v1/messages.</summary>
internal static class MessagesRequest
{
    private static readonly JsonElement s_true = JsonElement.Parse("true"u8), s_false = JsonElement.Parse("false"u8);

    /// <summary>What is to be answered.</summary>
    public static ChatRequest Read(Field body, RequestContext context)
    {
        int maxTokens = body.Require("max_tokens").Integer(1);
        return ReadPrompt(body, context) with
        {
            Generate = RequestOptions.Generate(body, context) with
            {
                MaxTokens = maxTokens,
                Stop = body["stop_sequences"] is { } stop ? RequestOptions.Stops(stop) : [],
                Grammar = body["output_config"]?["format"] is { } format ? RequestOptions.FormatOf(format) : null,
            },
        };
    }

    /// <summary>The part of it that the model reads.</summary>
    public static ChatRequest ReadPrompt(Field body, RequestContext context) => new()
    {
        Model = body.Require("model").Text(),
        Messages = MessagesInput.Read(body),
        Answer = Thinking(body, Tools(body) with { ReasoningBudget = context.Options.ReasoningBudget }),
    };

    private static AnswerOptions Thinking(Field body, AnswerOptions answer)
    {
        var variables = new Dictionary<string, JsonElement>(RequestOptions.Variables(body["chat_template_kwargs"]) ?? new Dictionary<string, JsonElement>());
        if (body["thinking"] is { } thinking)
        {
            string type = thinking.Require("type").Text();
            if (type == "enabled") answer = answer with { ReasoningBudget = thinking.Require("budget_tokens").Integer(1) };
            if (type == "disabled") answer = answer with { ReasoningBudget = 0 };
            variables.TryAdd("enable_thinking", type == "disabled" ? s_false : s_true);
        }
        return answer with { Variables = RequestOptions.WithEffort(variables, body["output_config"]?["effort"]) };
    }

    // Those that Anthropic itself runs or describes have other types. They are passed over: clients offer them to any server.
    private static AnswerOptions Tools(Field body)
    {
        var tools = new List<ToolFunction>();
        foreach (Field tool in body["tools"]?.Items(Limits.Tools) ?? [])
            if (tool["type"] is not { } type || type.Text() == "custom")
                tools.Add(new ToolFunction(tool.Require("name").Text(), tool["description"]?.Text(), tool.Require("input_schema").Json));
        var answer = new AnswerOptions { Tools = ToolList.Of(tools) };
        if (body["tool_choice"] is not { } choice) return answer;
        answer = answer with { ParallelToolCalls = choice["disable_parallel_tool_use"]?.Flag() != true };
        return choice.Require("type").OneOf("auto", "any", "tool", "none") switch
        {
            "any" => answer with { ToolChoice = ToolChoice.Required },
            "tool" => answer with { ToolName = choice.Require("name").Text() },
            "none" => answer with { ToolChoice = ToolChoice.None },
            _ => answer,
        };
    }
}
