using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.OpenAi;

namespace Edge.Llm.Cli.Serve.Responses;

/// <summary>Writes a response as it is at some time of its making.</summary>
internal sealed class ResponseWriter(string id, string model, ResponseRequest request, ResponseItems items)
{
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>A response that is being made.</summary>
    public void WriteBegun(Utf8JsonWriter json) => Write(json, "in_progress", [], null, null);

    /// <summary>A response that has ended.</summary>
    public void WriteEnded(Utf8JsonWriter json, FinishReason finish, IReadOnlyList<AnswerBlock> blocks, Usage usage) => Write(json, StatusOf(finish), blocks, usage, null);

    /// <summary>A response that failed.</summary>
    public void WriteFailed(Utf8JsonWriter json, IReadOnlyList<AnswerBlock> blocks, ApiException error) => Write(json, "failed", blocks, null, error);

    /// <summary>How a response ends.</summary>
    public static string StatusOf(FinishReason finish) => finish is FinishReason.Length or FinishReason.Deadline ? "incomplete" : "completed";

    private void Write(Utf8JsonWriter json, string status, IReadOnlyList<AnswerBlock> blocks, Usage? usage, ApiException? error)
    {
        json.WriteStartObject();
        json.WriteString("id", $"resp_{id}");
        json.WriteString("object", "response");
        json.WriteNumber("created_at", _created);
        json.WriteString("status", status);
        if (status == "completed") json.WriteNumber("completed_at", DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        else json.WriteNull("completed_at");
        WriteError(json, error);
        if (status == "incomplete")
        {
            json.WriteStartObject("incomplete_details");
            json.WriteString("reason", "max_output_tokens");
            json.WriteEndObject();
        }
        else json.WriteNull("incomplete_details");
        json.WriteString("model", model);
        json.WriteStartArray("output");
        foreach (AnswerBlock block in blocks) items.Write(json, block);
        json.WriteEndArray();
        request.WriteMembers(json);
        if (usage is { } used) WriteUsage(json, used);
        json.WriteEndObject();
    }

    private static void WriteError(Utf8JsonWriter json, ApiException? error)
    {
        if (error is null)
        {
            json.WriteNull("error");
            return;
        }
        json.WriteStartObject("error");
        json.WriteString("code", error.Status switch { >= 500 => "server_error", 429 => "rate_limit_exceeded", _ => "invalid_prompt" });
        json.WriteString("message", error.Message);
        json.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter json, Usage usage)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", usage.Prompt);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", usage.Cached);
        json.WriteNumber("cache_write_tokens", 0);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", usage.Completion);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", usage.Reasoning);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", usage.Prompt + usage.Completion);
        json.WriteEndObject();
    }
}
