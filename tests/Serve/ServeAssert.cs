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

    /// <summary>The events of an answer, whose names are the types in their data.</summary>
    public static async Task<JsonElement[]> NamedEventsAsync(this HttpClient client, string path, string json)
    {
        using HttpResponseMessage response = await client.PostAsync(path, Json(json));
        string text = await response.Content.ReadAsStringAsync();
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode, text);
        JsonElement[] events = [.. OpenAiSchemas.Events(text).Select(data => JsonElement.Parse(data))];
        string[] names = [.. text.Split('\n').Where(line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(line => line["event: ".Length..])];
        CollectionAssert.AreEqual(names, events.Select(one => one.GetProperty("type").GetString()).ToArray());
        return events;
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
