using System.Text;
using System.Text.Json;
using Edge.Llm.Cli.Serve.OpenAi;

namespace Edge.Llm.Cli.Serve.LlamaCpp;

/// <summary>One answer of /completion, as its parts come and as a whole.</summary>
internal sealed class CompletionResult(int index, CompletionRequest request, GenerationStatistics statistics, Tokenizer tokenizer, string model, int[] prompt)
{
    private readonly StringBuilder _text = new();
    private readonly List<GeneratedToken> _tokens = [];
    private string? _stopString;
    private FinishReason _finish;
    private bool _hasNewLine;

    public void Add(GeneratedToken item)
    {
        _hasNewLine |= item.Text.Contains('\n', StringComparison.Ordinal);
        _finish = item.Finish ?? _finish;
        if (request.Streams) return;
        _text.Append(item.Text);
        if (item.Token >= 0) _tokens.Add(item);
        _stopString = item.StopString ?? _stopString;
    }

    /// <summary>Writes what a step has added.</summary>
    public void WritePart(Utf8JsonWriter json, GeneratedToken item)
    {
        json.WriteStartObject();
        WriteContent(json, item.Text, item.Token >= 0 ? [item] : [], withTokens: true);
        json.WriteBoolean("stop", false);
        WriteCounts(json);
        if (request.TimesEach) Usage.WriteTimings(json, statistics);
        json.WriteEndObject();
    }

    /// <summary>Writes the whole, or what ends the parts.</summary>
    public void WriteEnd(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        WriteContent(json, _text.ToString(), _tokens, request.ReturnsTokens);
        json.WriteBoolean("stop", true);
        json.WriteString("model", model);
        WriteCounts(json);
        json.WriteStartObject("generation_settings");
        SamplingJson.Write(json, request.Generate);
        json.WriteEndObject();
        json.WriteString("prompt", tokenizer.Decode(prompt, special: true));
        json.WriteBoolean("has_new_line", _hasNewLine);
        json.WriteBoolean("truncated", false); // a prompt that is too long is an error
        json.WriteString("stop_type", _finish switch { FinishReason.Eos => "eos", FinishReason.Stop => "word", _ => "limit" });
        json.WriteString("stopping_word", _stopString ?? "");
        json.WriteNumber("tokens_cached", statistics.ReusedTokens);
        Usage.WriteTimings(json, statistics);
        json.WriteEndObject();
    }

    private void WriteContent(Utf8JsonWriter json, string text, List<GeneratedToken> tokens, bool withTokens)
    {
        json.WriteNumber("index", index);
        json.WriteString("content", text);
        json.WriteStartArray("tokens");
        if (withTokens)
            foreach (GeneratedToken token in tokens) json.WriteNumberValue(token.Token);
        json.WriteEndArray();
        json.WriteNumber("id_slot", -1);
        if (request.Generate.LogProbabilities is null || tokens.Count == 0) return;
        json.WriteStartArray("completion_probabilities");
        foreach (GeneratedToken token in tokens)
            if (token.Probabilities is { } probabilities) WriteProbabilities(json, token.Token, probabilities);
        json.WriteEndArray();
    }

    private void WriteCounts(Utf8JsonWriter json)
    {
        json.WriteNumber("tokens_predicted", statistics.GeneratedTokens);
        json.WriteNumber("tokens_evaluated", statistics.PromptTokens);
    }

    private void WriteProbabilities(Utf8JsonWriter json, int token, ChoiceProbabilities probabilities)
    {
        json.WriteStartObject();
        WriteToken(json, new TokenLogProbability(token, request.AfterSampling ? probabilities.Sampled : probabilities.Model));
        json.WriteStartArray(request.AfterSampling ? "top_probs" : "top_logprobs");
        foreach (TokenLogProbability top in request.AfterSampling ? probabilities.TopOfSampled : probabilities.TopOfModel)
        {
            json.WriteStartObject();
            WriteToken(json, top);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteToken(Utf8JsonWriter json, TokenLogProbability token)
    {
        json.WriteNumber("id", token.Token);
        json.WriteString("token", LogProbabilities.TextOf(tokenizer, token.Token));
        json.WriteStartArray("bytes");
        foreach (byte value in tokenizer.DecodeToken(token.Token, special: true)) json.WriteNumberValue(value);
        json.WriteEndArray();
        if (request.AfterSampling) json.WriteNumber("prob", Math.Exp(token.LogProbability));
        else json.WriteNumber("logprob", LogProbabilities.Finite(token.LogProbability));
    }
}
