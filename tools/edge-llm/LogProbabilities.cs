using System.Text;
using System.Text.Json;

namespace Edge.Llm.Cli;

/// <summary>Writes how likely tokens were, by the model's own logits.</summary>
internal static class LogProbabilities
{
    private const float Impossible = -9999; // JSON has no infinity; OpenAI's number

    /// <summary>Writes an item of <c>logprobs.content</c>.</summary>
    public static void WriteItem(Utf8JsonWriter json, Tokenizer tokenizer, GeneratedToken item)
    {
        json.WriteStartObject();
        WriteToken(json, tokenizer, new TokenLogProbability(item.Token, item.Probabilities!.Model));
        json.WriteStartArray("top_logprobs");
        foreach (TokenLogProbability top in item.Probabilities.TopOfModel)
        {
            json.WriteStartObject();
            WriteToken(json, tokenizer, top);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static double Finite(float value) => float.IsFinite(value) ? value : Impossible;

    /// <summary>A token as a text: bytes that are no characters alone become U+FFFD.</summary>
    public static string TextOf(Tokenizer tokenizer, int token) => Encoding.UTF8.GetString(tokenizer.DecodeToken(token, special: true));

    private static void WriteToken(Utf8JsonWriter json, Tokenizer tokenizer, TokenLogProbability token)
    {
        ReadOnlySpan<byte> bytes = tokenizer.DecodeToken(token.Token, special: true);
        json.WriteString("token", Encoding.UTF8.GetString(bytes));
        json.WriteNumber("logprob", Finite(token.LogProbability));
        json.WriteStartArray("bytes");
        foreach (byte value in bytes) json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
