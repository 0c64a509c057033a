using System.Text.Json;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>The texts of /v1/completions: several answers to each of several prompts, numbered through.</summary>
internal sealed class CompletionTexts(Tokenizer tokenizer, List<int[]> prompts, int choices, bool echo)
{
    private readonly bool[] _echoed = new bool[prompts.Count * choices];
    private readonly int[] _offsets = new int[prompts.Count * choices];

    public int Count => prompts.Count * choices;

    public int Index(int prompt, int choice) => prompt * choices + choice;

    /// <summary>The prompt, if it is to stand before the answer.</summary>
    public string Echo(int index) => echo ? tokenizer.Decode(prompts[index / choices]) : "";

    /// <summary>The same, once.</summary>
    public string FirstEcho(int index)
    {
        if (_echoed[index]) return "";
        _echoed[index] = true;
        return Echo(index);
    }

    public void WriteChoice(Utf8JsonWriter json, int index, string text, IReadOnlyList<GeneratedToken> tokens, string? finish)
    {
        json.WriteStartObject();
        json.WriteNumber("index", index);
        json.WriteString("text", text);
        if (tokens.Count == 0) json.WriteNull("logprobs");
        else WriteLogProbabilities(json, index, tokens);
        json.WriteString("finish_reason", finish);
        json.WriteEndObject();
    }

    private void WriteLogProbabilities(Utf8JsonWriter json, int index, IReadOnlyList<GeneratedToken> tokens)
    {
        json.WriteStartObject("logprobs");
        json.WriteStartArray("tokens");
        foreach (GeneratedToken token in tokens) json.WriteStringValue(LogProbabilities.TextOf(tokenizer, token.Token));
        json.WriteEndArray();
        json.WriteStartArray("token_logprobs");
        foreach (GeneratedToken token in tokens) json.WriteNumberValue(LogProbabilities.Finite(token.Probabilities!.Model));
        json.WriteEndArray();
        json.WriteStartArray("top_logprobs");
        foreach (GeneratedToken token in tokens)
        {
            json.WriteStartObject();
            // Several tokens may have one text: the likeliest counts.
            foreach (var group in token.Probabilities!.TopOfModel.GroupBy(top => LogProbabilities.TextOf(tokenizer, top.Token)))
                json.WriteNumber(group.Key, LogProbabilities.Finite(group.First().LogProbability));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("text_offset");
        foreach (GeneratedToken token in tokens)
        {
            json.WriteNumberValue(_offsets[index]);
            _offsets[index] += LogProbabilities.TextOf(tokenizer, token.Token).Length;
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
