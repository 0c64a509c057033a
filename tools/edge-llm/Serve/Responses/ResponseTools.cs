using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.OpenAi;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Responses;

/// <summary>The tools of a request of /v1/responses. Those that OpenAI itself runs (web_search, mcp), and those whose input is free text, are
/// passed over: clients offer them to any server.</summary>
internal sealed class ResponseTools
{
    private readonly List<ToolFunction> _functions = [];
    private readonly Field? _choice;

    public ResponseTools(Field body)
    {
        foreach (Field tool in body["tools"]?.Items(Limits.Tools) ?? [])
            if (tool.Require("type").Text() == "function")
                _functions.Add(new ToolFunction(tool.Require("name").Text(), tool["description"]?.Text(), tool["parameters"]?.Json));
        _choice = body["tool_choice"];
        Options = Choose(new AnswerOptions { ParallelToolCalls = body["parallel_tool_calls"]?.Flag() ?? true });
    }

    /// <summary>What the model may call.</summary>
    public AnswerOptions Options { get; }

    /// <summary>Writes the tools and the choice as a response has them.</summary>
    public void WriteMembers(Utf8JsonWriter json)
    {
        json.WritePropertyName("tool_choice");
        if (_choice is { } choice) choice.Json.WriteTo(json);
        else json.WriteStringValue("auto");
        json.WriteStartArray("tools");
        foreach (ToolFunction function in _functions)
        {
            json.WriteStartObject();
            json.WriteString("type", "function");
            json.WriteString("name", function.Name);
            if (function.Description is not null) json.WriteString("description", function.Description);
            json.WritePropertyName("parameters");
            if (function.Parameters is { } parameters) parameters.WriteTo(json);
            else json.WriteNullValue();
            json.WriteBoolean("strict", true); // arguments always match
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private AnswerOptions Choose(AnswerOptions options)
    {
        options = options with { Tools = ToolList.Of(_functions) };
        if (_choice is not { } choice) return options;
        if (choice.IsText) return options with { ToolChoice = ChatReader.ChoiceOf(choice) };
        if (choice.Require("type").OneOf("function", "allowed_tools") == "function") return options with { ToolName = choice.Require("name").Text() };
        string[] allowed = [.. choice.Require("tools").Items(Limits.Tools).Where(tool => tool.Require("type").Text() == "function").Select(tool => tool.Require("name").Text())];
        return options with
        {
            Tools = ToolList.Of([.. _functions.Where(function => allowed.Contains(function.Name))]),
            ToolChoice = choice.Require("mode").OneOf("auto", "required") == "required" ? ToolChoice.Required : ToolChoice.Auto,
        };
    }
}
