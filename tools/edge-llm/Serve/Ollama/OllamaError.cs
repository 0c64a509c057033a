using System.Text.Json;
using Edge.Llm.Cli.Serve.Wire;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>Errors in Ollama's shape: a text, also in the middle of an answer.</summary>
internal static class OllamaError
{
    public static Task WriteAsync(HttpContext http, ApiException error) => Reply.JsonAsync(http, json => Write(json, error), error.Status);

    public static void Write(Utf8JsonWriter json, ApiException error)
    {
        json.WriteStartObject();
        json.WriteString("error", error.Message);
        json.WriteEndObject();
    }
}
