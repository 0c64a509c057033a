using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Edge.Llm.Tests.Support;
using Json.Schema;

namespace Edge.Llm.Tests.Serve;

/// <summary>OpenAI's published description of its replies and events, and what violates it.</summary>
internal static class OpenAiSchemas
{
    private static readonly Lazy<JsonObject> s_definitions = new(Read);
    private static readonly ConcurrentDictionary<string, JsonSchema> s_schemas = [];

    /// <summary>What is wrong with what a client was answered; empty for interfaces that are not OpenAI's.</summary>
    public static IReadOnlyList<string> Violations(Exchange exchange)
    {
        if (KindOf(exchange.Path) is not ({ } whole, { } piece) || exchange.Status == 0) return [];
        if (exchange.Status >= 400) return Violations("ErrorResponse", exchange.Reply);
        if (exchange.ContentType != "text/event-stream") return Violations(whole, exchange.Reply);
        return [.. Events(exchange.Reply).Where(data => data != "[DONE]").SelectMany(data => Violations(IsError(data) ? "ErrorResponse" : piece, data))];
    }

    /// <summary>What is wrong with a JSON text.</summary>
    public static IReadOnlyList<string> Violations(string name, string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        EvaluationResults results = s_schemas.GetOrAdd(name, Compile).Evaluate(document.RootElement, new EvaluationOptions { OutputFormat = OutputFormat.List });
        if (results.IsValid) return [];
        string why = string.Join("; ", (results.Details ?? []).Where(detail => detail.Errors is not null)
            .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation}: {error.Value}")).Take(8));
        return [$"{name}: {why}\n{(json.Length <= 2000 ? json : json[..2000])}"];
    }

    /// <summary>The data of server-sent events. A piece without its end was cut off, and counts for nothing.</summary>
    public static IEnumerable<string> Events(string stream)
    {
        foreach (string piece in stream[..(stream.LastIndexOf("\n\n", StringComparison.Ordinal) + 1)].Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
            foreach (string line in piece.Split('\n'))
                if (line.StartsWith("data: ", StringComparison.Ordinal)) yield return line["data: ".Length..];
    }

    private static (string Whole, string Piece)? KindOf(string path) => path switch
    {
        "/v1/chat/completions" => ("CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"),
        "/v1/completions" => ("CreateCompletionResponse", "CompletionChunk"),
        "/v1/embeddings" => ("CreateEmbeddingResponse", ""),
        "/v1/responses" => ("Response", "ResponseStreamEvent"),
        "/v1/responses/input_tokens" => ("TokenCountsResource", ""),
        "/v1/models" => ("ListModelsResponse", ""),
        _ when path.StartsWith("/v1/models/", StringComparison.Ordinal) => ("Model", ""),
        _ => null,
    };

    private static bool IsError(string data) => data.StartsWith("{\"error\":", StringComparison.Ordinal);

    private static JsonSchema Compile(string name)
    {
        var schema = new JsonObject { ["$schema"] = "https://json-schema.org/draft/2020-12/schema", ["$ref"] = $"#/$defs/{name}", ["$defs"] = s_definitions.Value.DeepClone() };
        return JsonSchema.FromText(schema.ToJsonString(), new BuildOptions { Dialect = Dialect.Draft202012, SchemaRegistry = new SchemaRegistry() });
    }

    private static JsonObject Read()
    {
        string text = File.ReadAllText(Settings.Shared("schemas", "openai-api.json")).Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal);
        JsonObject definitions = JsonNode.Parse(text)!["components"]!["schemas"]!.AsObject();
        definitions.Parent!.AsObject().Remove("schemas");
        // OpenAI's own events of a completion have no finish_reason until the last one; the description knows whole replies only.
        JsonNode chunk = definitions["CreateCompletionResponse"]!.DeepClone();
        chunk["properties"]!["choices"]!["items"]!["properties"]!["finish_reason"] = JsonNode.Parse("""{"enum":["stop","length","content_filter",null]}""");
        definitions["CompletionChunk"] = chunk;
        // encoding_format base64 is documented, and not described.
        definitions["Embedding"]!["properties"]!["embedding"] = JsonNode.Parse("""{"anyOf":[{"type":"array","items":{"type":"number"}},{"type":"string","contentEncoding":"base64"}]}""");
        return definitions;
    }
}
