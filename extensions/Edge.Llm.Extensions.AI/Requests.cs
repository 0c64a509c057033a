using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Message = Microsoft.Extensions.AI.ChatMessage;
using Turn = Edge.Llm.ChatMessage;

namespace Edge.Llm.Extensions.AI;

/// <summary>What a request of Microsoft.Extensions.AI means to the engine. What it cannot do is refused, never ignored.</summary>
internal static class Requests
{
    private const string AnyObject = """{"type":"object"}""";

    private static readonly SamplingOptions s_defaults = new();

    /// <summary>What to generate.</summary>
    public static GenerateOptions Options(ChatOptions? options)
    {
        if (options is null) return new GenerateOptions();
        return new GenerateOptions
        {
            MaxTokens = options.MaxOutputTokens ?? -1,
            Stop = [.. options.StopSequences ?? []],
            Grammar = options.ResponseFormat is ChatResponseFormatJson json ? Grammar.JsonSchema(json.Schema?.GetRawText() ?? AnyObject) : null,
            Sampling = new SamplingOptions
            {
                Temperature = options.Temperature ?? s_defaults.Temperature, TopK = options.TopK ?? s_defaults.TopK, TopP = options.TopP ?? s_defaults.TopP,
                PresencePenalty = options.PresencePenalty ?? 0, FrequencyPenalty = options.FrequencyPenalty ?? 0,
                Seed = options.Seed is { } seed ? (ulong)seed : null,
            },
        };
    }

    /// <summary>The tools, and whether they are to be called.</summary>
    public static AnswerOptions Answer(ChatOptions? options)
    {
        if (options?.Tools is not { Count: > 0 } tools) return new AnswerOptions();
        var descriptions = new JsonArray();
        foreach (AITool tool in tools)
        {
            if (tool is not AIFunctionDeclaration function) throw Unsupported($"a tool of type {tool.GetType().Name}");
            descriptions.Add((JsonNode)new JsonObject
            {
                ["type"] = "function",
                ["function"] = new JsonObject
                {
                    ["name"] = function.Name, ["description"] = function.Description, ["parameters"] = JsonNode.Parse(function.JsonSchema.GetRawText()),
                },
            });
        }
        using JsonDocument json = JsonDocument.Parse(descriptions.ToJsonString());
        return new AnswerOptions
        {
            Tools = json.RootElement.Clone(),
            ToolChoice = options.ToolMode switch { NoneChatToolMode => ToolChoice.None, RequiredChatToolMode => ToolChoice.Required, _ => ToolChoice.Auto },
            ToolName = (options.ToolMode as RequiredChatToolMode)?.RequiredFunctionName,
            ParallelToolCalls = options.AllowMultipleToolCalls ?? true,
        };
    }

    /// <summary>The conversation as templates see it; instructions come first, as the system's.</summary>
    public static List<Turn> Turns(IEnumerable<Message> messages, ChatOptions? options)
    {
        var turns = new List<Turn>();
        foreach (Message message in messages) turns.AddRange(TurnsOf(message));
        if (options?.Instructions is { Length: > 0 } instructions)
        {
            bool hasSystem = turns.Count > 0 && turns[0].Role == ChatRole.System.Value;
            string text = hasSystem ? $"{instructions}\n\n{turns[0].Content}" : instructions;
            if (hasSystem) turns.RemoveAt(0);
            turns.Insert(0, new Turn(ChatRole.System.Value, text));
        }
        if (turns.Count == 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, "messages: expected one at least, found none");
        return turns;
    }

    // What each tool returned is a message of its own.
    private static IEnumerable<Turn> TurnsOf(Message message)
    {
        var calls = new List<ToolCall>();
        string reasoning = "";
        bool hasResults = false;
        foreach (AIContent content in message.Contents)
            switch (content)
            {
                case TextContent or UsageContent: break;
                case TextReasoningContent thought: reasoning += thought.Text; break;
                case FunctionCallContent call: calls.Add(new ToolCall(call.CallId, call.Name, Json(call.Arguments ?? new Dictionary<string, object?>()))); break;
                case FunctionResultContent result:
                    hasResults = true;
                    yield return Turn.OfTool(result.CallId, result.Result is string text ? text : Json(result.Result));
                    break;
                default: throw Unsupported($"content of type {content.GetType().Name}");
            }
        if (hasResults && calls.Count == 0 && message.Text.Length == 0) yield break;
        var turn = new Turn(message.Role.Value, message.Text);
        if (reasoning.Length > 0) turn = turn.With("reasoning_content", Element(reasoning));
        yield return calls.Count == 0 ? turn : turn.With("tool_calls", ChatAnswer.CallsJson(calls));
    }

    private static string Json(object? value) => value is JsonElement { ValueKind: JsonValueKind.String } text ? text.GetString()!
        : JsonSerializer.Serialize(value, AIJsonUtilities.DefaultOptions.GetTypeInfo(value?.GetType() ?? typeof(object)));

    private static JsonElement Element(string text) => JsonSerializer.SerializeToElement(text, AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(string)));

    /// <summary>What it took.</summary>
    public static UsageDetails Usage(GenerationStatistics statistics) => new()
    {
        InputTokenCount = statistics.PromptTokens, OutputTokenCount = statistics.GeneratedTokens,
        TotalTokenCount = statistics.PromptTokens + statistics.GeneratedTokens, CachedInputTokenCount = statistics.ReusedTokens,
    };

    private static EdgeLlmException Unsupported(string what) => new(ErrorCode.Unsupported, $"a chat request with {what} is not supported");
}
