using System.Text.Json;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Answers;

/// <summary>A function that the model may call.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it does, or null.</param>
/// <param name="Parameters">The JSON Schema of its arguments, or null: it has none.</param>
internal sealed record ToolFunction(string Name, string? Description, JsonElement? Parameters);

/// <summary>Writes tools as templates read them, which is as chat requests have them.</summary>
internal static class ToolList
{
    /// <summary>The array; null for no tools.</summary>
    public static JsonElement? Of(IReadOnlyList<ToolFunction> tools)
    {
        if (tools.Count == 0) return null;
        return JsonElement.Parse(Reply.Bytes(json =>
        {
            json.WriteStartArray();
            foreach (ToolFunction tool in tools)
            {
                json.WriteStartObject();
                json.WriteString("type", "function");
                json.WriteStartObject("function");
                json.WriteString("name", tool.Name);
                if (tool.Description is not null) json.WriteString("description", tool.Description);
                if (tool.Parameters is { } parameters)
                {
                    json.WritePropertyName("parameters");
                    parameters.WriteTo(json);
                }
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }).Span, new JsonDocumentOptions { MaxDepth = 2 * Limits.JsonDepth });
    }
}
