using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;

namespace Edge.Llm.Cli.Serve.Wire;

/// <summary>Reads a request's body: one JSON object, within the limits, without doubtful members and with whole characters only.</summary>
internal static class Body
{
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = Limits.JsonDepth, AllowDuplicateProperties = false };

    /// <exception cref="ApiException">What is wrong with it.</exception>
    public static async Task<Field> ReadAsync(HttpContext http, BodyBudget.Part part)
    {
        string encoding = http.Request.Headers.ContentEncoding.ToString();
        if (encoding.Length > 0 && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
            throw new ApiException(415, $"Content-Encoding: expected identity, found '{encoding}'");
        return Parse(await BytesAsync(http, part).ConfigureAwait(false));
    }

    /// <summary>The JSON of a body.</summary>
    public static Field Parse(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length == 0) throw NotJson("it is empty");
        if (!Utf8.IsValid(utf8)) throw NotJson("it is not valid UTF-8");
        JsonElement json;
        try
        {
            json = JsonElement.Parse(utf8, s_options);
            RequireWholeCharacters(utf8);
        }
        catch (JsonException e)
        {
            throw NotJson(e.Message);
        }
        catch (InvalidOperationException)
        {
            throw NotJson("a string in it is not valid Unicode");
        }
        return json.ValueKind == JsonValueKind.Object ? new Field(json, "") : throw NotJson("it is no object");
    }

    private static async Task<byte[]> BytesAsync(HttpContext http, BodyBudget.Part part)
    {
        PipeReader reader = http.Request.BodyReader;
        while (true)
        {
            ReadResult read = await NextAsync(reader, http.RequestAborted).ConfigureAwait(false);
            part.GrowTo(read.Buffer.Length);
            if (read.Buffer.Length > Limits.BodyBytes) throw new ApiException(413, $"the body: expected at most {Limits.BodyBytes} bytes");
            if (read.IsCompleted)
            {
                byte[] bytes = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return bytes;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static async ValueTask<ReadResult> NextAsync(PipeReader reader, CancellationToken cancellation)
    {
        try
        {
            return await reader.ReadAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException e) when (e is not BadHttpRequestException && !cancellation.IsCancellationRequested)
        {
            throw new ApiException(400, $"the body cannot be read: {e.Message}"); // a chunk of no size
        }
    }

    // An escaped half of a surrogate pair is well-formed, but no text.
    private static void RequireWholeCharacters(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IndexOf((byte)'\\') < 0) return;
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = Limits.JsonDepth });
        while (reader.Read())
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped) reader.GetString();
    }

    private static ApiException NotJson(string why) => new(400, $"the body is not a JSON object: {why}", null, "invalid_json");
}
