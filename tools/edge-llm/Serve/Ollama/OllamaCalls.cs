using System.Text.Json;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>Writes calls as Ollama has them: arguments are objects.</summary>
internal static class OllamaCalls
{
    /// <param name="json">Where to.</param>
    /// <param name="calls">The calls of the answer so far.</param>
    /// <param name="first">The first one that is new.</param>
    public static void Write(Utf8JsonWriter json, IReadOnlyList<ToolCall> calls, int first = 0)
    {
        json.WriteStartArray("tool_calls");
        for (int i = first; i < calls.Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("id", calls[i].Id);
            json.WriteStartObject("function");
            json.WriteNumber("index", i);
            json.WriteString("name", calls[i].Name);
            json.WritePropertyName("arguments");
            json.WriteRawValue(calls[i].Arguments, skipInputValidation: true); // the scanner has followed it
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
