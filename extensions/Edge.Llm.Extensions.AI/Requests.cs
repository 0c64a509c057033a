using Microsoft.Extensions.AI;
using Message = Microsoft.Extensions.AI.ChatMessage;
using Turn = Edge.Llm.ChatMessage;

namespace Edge.Llm.Extensions.AI;

/// <summary>What a request of Microsoft.Extensions.AI means to the engine. What it cannot do is refused, never ignored.</summary>
internal static class Requests
{
    private static readonly SamplingOptions s_defaults = new();

    /// <summary>What to generate.</summary>
    public static GenerateOptions Options(ChatOptions? options)
    {
        if (options is null) return new GenerateOptions();
        if (options.Tools is { Count: > 0 }) throw Unsupported("tools");
        return new GenerateOptions
        {
            MaxTokens = options.MaxOutputTokens ?? -1,
            Stop = [.. options.StopSequences ?? []],
            Grammar = options.ResponseFormat is not ChatResponseFormatJson json ? null
                : json.Schema is { } schema ? Grammar.JsonSchema(schema.GetRawText()) : Grammar.Json(),
            Sampling = new SamplingOptions
            {
                Temperature = options.Temperature ?? s_defaults.Temperature, TopK = options.TopK ?? s_defaults.TopK, TopP = options.TopP ?? s_defaults.TopP,
                PresencePenalty = options.PresencePenalty ?? 0, FrequencyPenalty = options.FrequencyPenalty ?? 0,
                Seed = options.Seed is { } seed ? (ulong)seed : null,
            },
        };
    }

    /// <summary>The conversation as templates see it; instructions come first, as the system's.</summary>
    public static List<Turn> Turns(IEnumerable<Message> messages, ChatOptions? options)
    {
        var turns = new List<Turn>();
        foreach (Message message in messages)
        {
            foreach (AIContent content in message.Contents)
                if (content is not (TextContent or TextReasoningContent or UsageContent)) throw Unsupported($"content of type {content.GetType().Name}");
            turns.Add(new Turn(message.Role.Value, message.Text));
        }
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

    /// <summary>What it took.</summary>
    public static UsageDetails Usage(GenerationStatistics statistics) => new()
    {
        InputTokenCount = statistics.PromptTokens, OutputTokenCount = statistics.GeneratedTokens,
        TotalTokenCount = statistics.PromptTokens + statistics.GeneratedTokens, CachedInputTokenCount = statistics.ReusedTokens,
    };

    private static EdgeLlmException Unsupported(string what) => new(ErrorCode.Unsupported, $"a chat request with {what} is not supported");
}
