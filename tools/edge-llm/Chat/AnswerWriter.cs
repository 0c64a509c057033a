using System.Text.Json;

namespace Edge.Llm.Cli.Chat;

/// <summary>Prints an answer as it comes: text and calls to standard output, each call as a line of JSON, and what the model writes to itself to
/// standard error.</summary>
internal sealed class AnswerWriter(Output output, Func<string, string> printable)
{
    private const int DeepestArguments = 512;

    private readonly ChatAnswer _answer = new();
    private bool _inLine, _inReasoning;

    public void Write(IReadOnlyList<AnswerDelta> deltas)
    {
        foreach (AnswerDelta delta in deltas)
        {
            _answer.Add([delta]);
            if (_inReasoning && delta.Part != AnswerPart.Reasoning) EndReasoning();
            switch (delta.Part)
            {
                case AnswerPart.Content or AnswerPart.CallBroken:
                    output.Write(printable(delta.Text));
                    _inLine = !delta.Text.EndsWith('\n');
                    break;
                case AnswerPart.Reasoning:
                    Console.Error.Write(printable(delta.Text));
                    _inReasoning = true;
                    break;
                case AnswerPart.CallEnd: WriteCall(_answer.Calls[^1]); break;
            }
        }
        output.Flush();
    }

    /// <summary>Ends the last line.</summary>
    public void End()
    {
        if (_inReasoning) EndReasoning();
        if (_inLine || _answer.Calls.Count == 0) output.WriteLine();
        output.Flush();
    }

    private void EndReasoning()
    {
        Console.Error.WriteLine();
        _inReasoning = false;
    }

    private void WriteCall(ToolCall call)
    {
        if (_inLine) output.WriteLine();
        _inLine = false;
        using (var json = new Utf8JsonWriter(output, Json.Compact))
        {
            json.WriteStartObject();
            json.WriteString("id", call.Id);
            json.WriteString("name", call.Name);
            json.WritePropertyName("arguments");
            using (JsonDocument arguments = JsonDocument.Parse(call.Arguments, new JsonDocumentOptions { MaxDepth = DeepestArguments })) arguments.WriteTo(json);
            json.WriteEndObject();
        }
        output.WriteLine();
    }
}
