using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;

namespace Edge.Llm.Cli.Serve.Anthropic;

/// <summary>Writes a message, its blocks, and how it ended.</summary>
internal sealed class MessageWriter(string id, string model, ChatRequest request)
{
    /// <summary>Writes a message.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="blocks">What it holds so far.</param>
    /// <param name="run">The answer, for its counts.</param>
    /// <param name="last">The answer's last item; null: it is being made.</param>
    public void Write(Utf8JsonWriter json, IReadOnlyList<AnswerBlock> blocks, ChatRun run, GeneratedToken? last)
    {
        json.WriteStartObject();
        json.WriteString("id", $"msg_{id}");
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", model);
        json.WriteStartArray("content");
        foreach (AnswerBlock block in blocks) WriteBlock(json, block);
        json.WriteEndArray();
        WriteStop(json, run, last);
        WriteUsage(json, run);
        json.WriteEndObject();
    }

    /// <summary>Writes a block that is complete, or the beginning of one.</summary>
    public static void WriteBlock(Utf8JsonWriter json, AnswerBlock block, bool isBeginning = false)
    {
        json.WriteStartObject();
        switch (block.Kind)
        {
            case AnswerPart.Reasoning:
                json.WriteString("type", "thinking");
                json.WriteString("thinking", isBeginning ? "" : block.Text);
                json.WriteString("signature", "");
                break;
            case AnswerPart.Arguments when isBeginning || block.IsComplete:
                json.WriteString("type", "tool_use");
                json.WriteString("id", block.CallId);
                json.WriteString("name", block.Name);
                json.WritePropertyName("input");
                json.WriteRawValue(isBeginning ? "{}" : block.Text, skipInputValidation: true); // the scanner has followed it
                break;
            default: // a call that broke off has no input: it is shown as the model wrote it
                json.WriteString("type", "text");
                json.WriteString("text", isBeginning ? "" : block.Broken ?? block.Text);
                break;
        }
        json.WriteEndObject();
    }

    /// <summary>Writes why it ended; null while it has not.</summary>
    public void WriteStop(Utf8JsonWriter json, ChatRun run, GeneratedToken? last)
    {
        string? stop = last?.StopString is { } found && request.Generate.Stop.Contains(found) ? found : null;
        json.WriteString("stop_reason", last?.Finish switch
        {
            null => null,
            FinishReason.Length when run.Statistics(0).GeneratedTokens < request.Generate.MaxTokens => "model_context_window_exceeded",
            FinishReason.Length or FinishReason.Deadline => "max_tokens",
            _ when stop is not null => "stop_sequence",
            _ => run.HasCalls(0) ? "tool_use" : "end_turn",
        });
        json.WriteString("stop_sequence", stop);
    }

    /// <summary>Writes what it took so far. What the cache had does not count as input.</summary>
    public static void WriteUsage(Utf8JsonWriter json, ChatRun run)
    {
        GenerationStatistics statistics = run.Statistics(0);
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", statistics.PromptTokens - statistics.ReusedTokens);
        json.WriteNumber("cache_creation_input_tokens", 0);
        json.WriteNumber("cache_read_input_tokens", statistics.ReusedTokens);
        json.WriteNumber("output_tokens", statistics.GeneratedTokens);
        json.WriteEndObject();
    }
}
