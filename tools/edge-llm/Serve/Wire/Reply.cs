using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Wire;

/// <summary>Writes whole answers.</summary>
internal static class Reply
{
    /// <summary>Answers with JSON.</summary>
    public static Task JsonAsync(HttpContext http, Action<Utf8JsonWriter> write, int status = 200) => BytesAsync(http, "application/json", Bytes(write), status);

    /// <summary>Answers with a text.</summary>
    public static Task TextAsync(HttpContext http, string contentType, string text, int status = 200) =>
        BytesAsync(http, contentType, System.Text.Encoding.UTF8.GetBytes(text), status);

    public static Task BytesAsync(HttpContext http, string contentType, ReadOnlyMemory<byte> bytes, int status = 200)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = contentType;
        http.Response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : http.Response.Body.WriteAsync(bytes, http.RequestAborted).AsTask();
    }

    /// <summary>The bytes of a JSON value.</summary>
    public static ReadOnlyMemory<byte> Bytes(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, Json.Compact)) write(writer);
        return buffer.WrittenMemory;
    }
}
