using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Edge.Llm.Extensions.AI;

/// <summary>Pieces of an answer as Microsoft.Extensions.AI has them.</summary>
internal static class Contents
{
    private const int DeepestArguments = 512;

    /// <summary>The content that a piece completes, or null.</summary>
    /// <param name="delta">The piece.</param>
    /// <param name="answer">The answer so far, with the piece.</param>
    public static AIContent? Of(AnswerDelta delta, ChatAnswer answer) => delta.Part switch
    {
        AnswerPart.Content or AnswerPart.CallBroken => new TextContent(delta.Text),
        AnswerPart.Reasoning => new TextReasoningContent(delta.Text),
        AnswerPart.CallEnd => Call(answer.Calls[^1]),
        _ => null,
    };

    private static FunctionCallContent Call(ToolCall call)
    {
        using JsonDocument json = JsonDocument.Parse(call.Arguments, new JsonDocumentOptions { MaxDepth = DeepestArguments });
        var arguments = new Dictionary<string, object?>();
        foreach (JsonProperty member in json.RootElement.EnumerateObject()) arguments[member.Name] = member.Value.Clone();
        return new FunctionCallContent(call.Id, call.Name, arguments);
    }
}
