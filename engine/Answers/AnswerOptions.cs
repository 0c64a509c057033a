using System.Text.Json;

namespace Edge.Llm;

/// <summary>Whether a model calls tools.</summary>
public enum ToolChoice
{
    /// <summary>It may.</summary>
    Auto,

    /// <summary>It does not; the prompt has no tools.</summary>
    None,

    /// <summary>It must, and writes nothing else.</summary>
    Required,
}

/// <summary>What an answer of a chat may hold besides text.</summary>
public sealed record AnswerOptions
{
    /// <summary>Descriptions of the tools that the model may call: a JSON array, as in a chat request; null: none.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>Whether it calls them.</summary>
    public ToolChoice ToolChoice { get; init; }

    /// <summary>The one tool that it must call, once; null: it chooses.</summary>
    public string? ToolName { get; init; }

    /// <summary>Whether it may call several tools in one answer.</summary>
    public bool ParallelToolCalls { get; init; } = true;

    /// <summary>Tokens that it may write to itself before it answers; -1: as many as it likes.</summary>
    public int ReasoningBudget { get; init; } = -1;

    /// <summary>More variables for the template: <c>enable_thinking</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Variables { get; init; }

    /// <summary>The date that the template may write; null: the present.</summary>
    public DateTime? Date { get; init; }
}
