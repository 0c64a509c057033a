using System.Text.Json;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>What a request took.</summary>
/// <param name="Prompt">Tokens of the prompt.</param>
/// <param name="Cached">Of these, tokens that were not computed again.</param>
/// <param name="Completion">Tokens of all answers.</param>
/// <param name="Reasoning">Of these, tokens that the model wrote to itself.</param>
internal readonly record struct Usage(int Prompt, int Cached, int Completion, int Reasoning = 0)
{
    public static Usage Of(GenerationStatistics first, int completion, int reasoning) => new(first.PromptTokens, first.ReusedTokens, completion, reasoning);

    /// <summary>Writes it as a member <c>usage</c> of chat and text completions.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", Prompt);
        json.WriteNumber("completion_tokens", Completion);
        json.WriteNumber("total_tokens", Prompt + Completion);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", Cached);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", Reasoning);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>Writes llama.cpp's member <c>timings</c>.</summary>
    public static void WriteTimings(Utf8JsonWriter json, GenerationStatistics statistics)
    {
        json.WriteStartObject("timings");
        json.WriteNumber("cache_n", statistics.ReusedTokens);
        json.WriteNumber("prompt_n", statistics.PromptTokens - statistics.ReusedTokens);
        json.WriteNumber("prompt_ms", Math.Round(statistics.PromptTime.TotalMilliseconds, 3));
        json.WriteNumber("prompt_per_second", Math.Round(statistics.PromptTokensPerSecond, 3));
        json.WriteNumber("predicted_n", statistics.GeneratedTokens);
        json.WriteNumber("predicted_ms", Math.Round(statistics.GenerationTime.TotalMilliseconds, 3));
        json.WriteNumber("predicted_per_second", Math.Round(statistics.GenerationTokensPerSecond, 3));
        json.WriteNumber("draft_n", statistics.DraftedTokens);
        json.WriteNumber("draft_n_accepted", statistics.AcceptedTokens);
        json.WriteEndObject();
    }
}
