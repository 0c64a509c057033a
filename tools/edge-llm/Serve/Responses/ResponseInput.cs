using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.OpenAi;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Responses;

/// <summary>Reads the conversation of /v1/responses: instructions, and a text or items.</summary>
internal static class ResponseInput
{
    /// <param name="body">The request.</param>
    /// <param name="find">Gives the item that a reference names.</param>
    public static IReadOnlyList<ChatMessage> Read(Field body, Func<Field, Field> find)
    {
        var turns = new TurnList();
        if (body["instructions"] is { } instructions) turns.AddText("system", instructions.Text());
        Field input = body.Require("input");
        if (input.IsText) turns.AddText("user", input.Text());
        else if (!input.IsList) throw input.Wrong("a string or an array of items");
        else
            foreach (Field item in input.Items(Limits.Messages)) Add(turns, IsReference(item) ? find(item) : item);
        IReadOnlyList<ChatMessage> all = turns.End();
        return all.Count > 0 ? all : throw input.Error("expected one item at least");
    }

    private static bool IsReference(Field item) => item["type"] is { } type ? type.Text() == "item_reference" : item["role"] is null;

    private static void Add(TurnList turns, Field item)
    {
        string type = item["type"]?.Text() ?? "message";
        switch (type)
        {
            case "message":
                string role = item.Require("role").OneOf("user", "assistant", "system", "developer");
                turns.AddText(role == "developer" ? "system" : role, ChatReader.Content(item.Require("content")));
                break;
            case "reasoning":
                // A summary of this server's is the reasoning itself. Where the content is encrypted or left out, it is an empty list.
                Field[] content = item["content"]?.Items(Limits.Messages) ?? [], summary = item["summary"]?.Items(Limits.Messages) ?? [];
                foreach (Field part in content.Length > 0 ? content : summary) turns.AddReasoning(part.Require("text").Text());
                break;
            case "function_call":
                turns.AddCall(item.Require("call_id").Text(), item.Require("name").Text(), item.Require("arguments").Text());
                break;
            case "function_call_output":
                turns.AddResult(item.Require("call_id").Text(), ChatReader.Content(item.Require("output")));
                break;
            default:
                throw item["type"]!.Value.Error($"items of type '{(type.Length <= 40 ? type : type[..40])}' are not supported", "unsupported_item");
        }
    }
}
