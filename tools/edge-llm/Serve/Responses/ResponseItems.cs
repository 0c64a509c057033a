using System.Text.Json;
using Edge.Llm.Cli.Serve.Answers;

namespace Edge.Llm.Cli.Serve.Responses;

/// <summary>Writes the items of a response: messages, reasoning and calls.</summary>
/// <param name="responseId">The response's id without its prefix: those of the items follow from it.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
internal sealed class ResponseItems(string responseId, Tokenizer tokenizer)
{
    /// <summary>An item's id.</summary>
    public string IdOf(AnswerBlock block)
    {
        string prefix = block.Kind switch { AnswerPart.Content => "msg", AnswerPart.Reasoning => "rs", _ => "fc" };
        return $"{prefix}_{responseId}{block.Index:x2}";
    }

    /// <summary>Writes an item.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="block">The item.</param>
    /// <param name="isBeginning">Whether nothing of it has been written yet.</param>
    public void Write(Utf8JsonWriter json, AnswerBlock block, bool isBeginning = false)
    {
        json.WriteStartObject();
        json.WriteString("id", IdOf(block));
        json.WriteString("type", block.Kind switch { AnswerPart.Content => "message", AnswerPart.Reasoning => "reasoning", _ => "function_call" });
        json.WriteString("status", isBeginning ? "in_progress" : block.IsComplete ? "completed" : "incomplete");
        switch (block.Kind)
        {
            case AnswerPart.Content:
                json.WriteString("role", "assistant");
                WriteContent();
                break;
            case AnswerPart.Reasoning:
                json.WriteStartArray("summary");
                if (!isBeginning) WriteSummary(json, block);
                json.WriteEndArray();
                WriteContent();
                break;
            default:
                json.WriteString("call_id", block.CallId);
                json.WriteString("name", block.Name);
                json.WriteString("arguments", isBeginning ? "" : block.Text);
                break;
        }
        json.WriteEndObject();

        void WriteContent()
        {
            json.WriteStartArray("content");
            if (!isBeginning) WritePart(json, block);
            json.WriteEndArray();
        }
    }

    /// <summary>Keeps the items, so that a later request can name them.</summary>
    public void Keep(ItemMemory memory, string salt, IReadOnlyList<AnswerBlock> blocks)
    {
        foreach (AnswerBlock block in blocks) memory.Add(salt, IdOf(block), Wire.Reply.Bytes(json => Write(json, block)).ToArray());
    }

    /// <summary>Writes the one part of a message or of reasoning.</summary>
    public void WritePart(Utf8JsonWriter json, AnswerBlock block, bool isBeginning = false)
    {
        json.WriteStartObject();
        json.WriteString("type", block.Kind == AnswerPart.Content ? "output_text" : "reasoning_text");
        json.WriteString("text", isBeginning ? "" : block.Text);
        if (block.Kind == AnswerPart.Content)
        {
            json.WriteStartArray("annotations");
            json.WriteEndArray();
            WriteLogProbabilities(json, isBeginning ? [] : block.Tokens);
        }
        json.WriteEndObject();
    }

    /// <summary>Writes the one part of a summary of reasoning. It is the reasoning itself: some clients show nothing else.</summary>
    public static void WriteSummary(Utf8JsonWriter json, AnswerBlock block, bool isBeginning = false)
    {
        json.WriteStartObject();
        json.WriteString("type", "summary_text");
        json.WriteString("text", isBeginning ? "" : block.Text);
        json.WriteEndObject();
    }

    public void WriteLogProbabilities(Utf8JsonWriter json, IReadOnlyList<GeneratedToken> tokens)
    {
        json.WriteStartArray("logprobs");
        foreach (GeneratedToken token in tokens) LogProbabilities.WriteItem(json, tokenizer, token);
        json.WriteEndArray();
    }
}
