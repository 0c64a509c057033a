using System.Net;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Serve;

/// <summary>Asks as clients of Ollama do, and makes models that say what a test needs.</summary>
internal static class OllamaAssert
{
    /// <summary>The lines of an answer, whose last one only is done.</summary>
    public static async Task<JsonElement[]> LinesAsync(this HttpClient client, string path, string json)
    {
        using HttpResponseMessage response = await client.PostAsync(path, ServeAssert.Json(json));
        string text = await response.Content.ReadAsStringAsync();
        Assert.AreEqual(HttpStatusCode.OK, response.StatusCode, text);
        Assert.AreEqual("application/x-ndjson", response.Content.Headers.ContentType!.MediaType);
        Assert.EndsWith("\n", text);
        JsonElement[] lines = [.. text.TrimEnd('\n').Split('\n').Select(line => JsonElement.Parse(line))];
        for (int i = 0; i < lines.Length; i++) Assert.AreEqual(i == lines.Length - 1, lines[i].GetProperty("done").GetBoolean());
        return lines;
    }

    /// <summary>The error that a request must end with, in Ollama's shape.</summary>
    public static async Task RefusedAsOllamaAsync(this HttpClient client, int status, string path, string json, string says)
    {
        using HttpResponseMessage response = await client.PostAsync(path, ServeAssert.Json(json));
        string text = await response.Content.ReadAsStringAsync();
        Assert.AreEqual(status, (int)response.StatusCode, text);
        Assert.Contains(says, JsonElement.Parse(text).GetProperty("error").GetString()!);
    }

    /// <summary>A model whose answer to anything is a text.</summary>
    public static ScriptedModel Saying(string text, string template = "") =>
        new(["▁one", text], [ScriptedModel.FirstWord, ScriptedModel.FirstWord + 1], "{% for m in messages %}{{ m.content }}{% endfor %}" + template + " one");

    public static string Text(this JsonElement line) => line.GetProperty("message").GetProperty("content").GetString()!;
}
