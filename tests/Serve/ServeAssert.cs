using System.Net;
using System.Text;
using System.Text.Json;

namespace Edge.Llm.Tests.Serve;

/// <summary>Asks a server, and reads what it answers.</summary>
internal static class ServeAssert
{
    public static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    /// <summary>The answer to a request that must succeed.</summary>
    public static async Task<JsonElement> PostAsync(this HttpClient client, string path, string json)
    {
        using HttpResponseMessage response = await client.PostAsync(path, Json(json));
        string text = await response.Content.ReadAsStringAsync();
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode, text);
        return JsonElement.Parse(text);
    }

    /// <summary>The data of all events of an answer.</summary>
    public static async Task<string[]> EventsAsync(this HttpClient client, string path, string json)
    {
        using HttpResponseMessage response = await client.PostAsync(path, Json(json));
        string text = await response.Content.ReadAsStringAsync();
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode, text);
        Assert.AreEqual("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        return [.. OpenAiSchemas.Events(text)];
    }

    /// <summary>The error that a request must end with: all four members, and a message that names what is expected.</summary>
    public static async Task<JsonElement> RefusedAsync(this HttpClient client, int status, string path, string json, string? says = null)
    {
        using HttpResponseMessage response = await client.PostAsync(path, Json(json));
        string text = await response.Content.ReadAsStringAsync();
        Assert.AreEqual(status, (int)response.StatusCode, text);
        JsonElement error = JsonElement.Parse(text).GetProperty("error");
        foreach (string member in (string[])["message", "type", "param", "code"]) Assert.IsTrue(error.TryGetProperty(member, out _), text);
        if (says is not null) Assert.Contains(says, error.GetProperty("message").GetString()!);
        return error;
    }
}
