using System.Text.Json;
using Edge.Llm.Cli.Serve.Wire;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.OpenAi;

/// <summary>Errors in OpenAI's shape: all four members, always.</summary>
internal static class OpenAiError
{
    public static Task WriteAsync(HttpContext http, ApiException error) => Reply.JsonAsync(http, json => Write(json, error), error.Status);

    public static void Write(Utf8JsonWriter json, ApiException error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error");
        WriteMembers(json, error);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public static void WriteMembers(Utf8JsonWriter json, ApiException error)
    {
        json.WriteString("message", error.Message);
        json.WriteString("type", TypeOf(error));
        json.WriteString("param", error.Param);
        json.WriteString("code", error.Code);
    }

    public static string TypeOf(ApiException error) => error.Status switch { 403 => "permission_error", 429 => "rate_limit_error", >= 500 => "server_error", _ => "invalid_request_error" };
}
