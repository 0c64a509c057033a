using System.Text.Json;

namespace Edge.Llm.Cli.Pull;

/// <summary>What servers answer in JSON.</summary>
internal static class JsonAnswer
{
    /// <summary>A property that is a text.</summary>
    public static string Text(JsonElement element, string name) =>
        element.GetProperty(name).GetString() ?? throw new FormatException($"{name}: expected a text, found null");

    /// <summary>Reads an answer.</summary>
    /// <exception cref="PullException">It is no JSON, or not of the form that is read.</exception>
    public static T Read<T>(Uri url, byte[] bytes, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(bytes);
            return read(json.RootElement);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new PullException($"{Web.Shown(url)}: expected JSON that describes a model, found something else ({e.Message})");
        }
    }
}
