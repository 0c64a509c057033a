using Edge.Llm.Cli.Serve.Answers;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Anthropic;

/// <summary>Reads the conversation of /v1/messages: the system's text, and turns of text or blocks.</summary>
internal static class MessagesInput
{
    public static IReadOnlyList<ChatMessage> Read(Field body)
    {
        var turns = new TurnList();
        if (body["system"] is { } system) turns.AddText("system", Text(system));
        Field messages = body.Require("messages");
        Field[] items = messages.Items(Limits.Messages);
        if (items.Length == 0) throw messages.Error("expected one message at least");
        foreach (Field message in items)
        {
            string role = message.Require("role").OneOf("user", "assistant", "system");
            Field content = message.Require("content");
            if (content.IsText) turns.AddText(role, content.Text());
            else if (!content.IsList) throw content.Wrong("a string or an array of blocks");
            else
                foreach (Field block in content.Items(Limits.Messages)) Add(turns, role, block);
        }
        if (turns.EndsWithAnswer) throw messages.Error("expected a message of the user at the end: an assistant's text that is to be continued is not supported");
        return turns.End();
    }

    private static void Add(TurnList turns, string role, Field block)
    {
        switch (block.Require("type").Text())
        {
            case "text": turns.AddText(role, block.Require("text").Text()); break;
            case "thinking": turns.AddReasoning(block.Require("thinking").Text()); break;
            case "redacted_thinking": break; // nobody here can read it
            case "tool_use": turns.AddCall(block.Require("id").Text(), block.Require("name").Text(), Arguments(block.Require("input"))); break;
            case "tool_result": turns.AddResult(block.Require("tool_use_id").Text(), block["content"] is { } content ? Text(content) : ""); break;
            default: throw NotText(block);
        }
    }

    // A text, or blocks of text.
    private static string Text(Field content)
    {
        if (content.IsText) return content.Text();
        if (!content.IsList) throw content.Wrong("a string or an array of blocks");
        return string.Join('\n', content.Items(Limits.Messages).Select(block => block.Require("type").Text() == "text" ? block.Require("text").Text() : throw NotText(block)));
    }

    private static string Arguments(Field input) => input.IsObject ? input.Json.GetRawText() : throw input.Wrong("an object");

    private static ApiException NotText(Field block)
    {
        string type = block["type"]!.Value.Text();
        return block["type"]!.Value.Error($"blocks of type '{(type.Length <= 40 ? type : type[..40])}' are not supported here: this server reads text, and fetches nothing");
    }
}
