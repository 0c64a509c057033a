using System.Text.Json;
using Edge.Llm.Cli.Serve.Wire;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Anthropic;

/// <summary>Errors in Anthropic's shape.</summary>
internal static class AnthropicError
{
    public static Task WriteAsync(HttpContext http, ApiException error)
    {
        NameRequest(http);
        return Reply.JsonAsync(http, json => Write(json, http, error), error.Status);
    }

    public static void Write(Utf8JsonWriter json, HttpContext http, ApiException error)
    {
        json.WriteStartObject();
        json.WriteString("type", "error");
        json.WriteStartObject("error");
        json.WriteString("type", TypeOf(error));
        json.WriteString("message", error.Message);
        json.WriteEndObject();
        json.WriteString("request_id", http.Response.Headers["x-request-id"].ToString());
        json.WriteEndObject();
    }

    /// <summary>Says the request's id in the header that Anthropic's clients read.</summary>
    public static void NameRequest(HttpContext http) => http.Response.Headers["request-id"] = http.Response.Headers["x-request-id"];

    private static string TypeOf(ApiException error) => error.Status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };
}
