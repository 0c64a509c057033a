using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Makes template values of messages and JSON. All their text counts as the user's, except well-known roles.</summary>
/// <param name="argumentsAsText">Give the arguments of tool calls as JSON text, not as objects.</param>
internal sealed class TemplateInput(bool argumentsAsText)
{
    private const int MaxDepth = 100;
    private const int MaxDigits = 4300; // of a whole number, as Python reads it

    /// <summary>Templates build turn markers of these: <c>'&lt;|' + role + '|>'</c>. Others could name a token that is none of a role's.</summary>
    private static readonly HashSet<string> s_roles =
        ["system", "user", "assistant", "tool", "developer", "function", "ipython", "model", "environment", "documents", "document", "tools",
            "human", "bot", "gpt", "observation", "tool_response", "context", "control", "thinking", "critic", "root", "available_tools"];

    /// <summary>Length of all texts so far.</summary>
    public long Characters { get; private set; }

    public static bool AnyArguments(IReadOnlyList<ChatMessage> messages) =>
        messages.Any(message => message.Members.Any(member => member.Key == "tool_calls" && member.Value.ValueKind == JsonValueKind.Array));

    public JinjaList Messages(IReadOnlyList<ChatMessage> messages) => new([.. messages.Select(Message)]);

    public object? Convert(JsonElement value)
    {
        try
        {
            return Convert(value, 0);
        }
        catch (InvalidOperationException error)
        {
            throw ChatMessage.NotUnicode(error);
        }
    }

    private JinjaDict Message(ChatMessage message)
    {
        var dict = new JinjaDict();
        dict.Set("role", TracedText.Of(Counted(message.Role), fromUser: !s_roles.Contains(message.Role)));
        if (message.HasTextContent) dict.Set("content", message.Content is null ? null : TracedText.User(Counted(message.Content)));
        foreach ((string name, JsonElement value) in message.Members)
        {
            object? converted = Convert(value);
            if (name == "tool_calls") PrepareArguments(converted);
            dict.Items[new DictKey(TracedText.User(name))] = converted;
        }
        return dict;
    }

    private void PrepareArguments(object? calls)
    {
        if (calls is not JinjaList list) return;
        foreach (object? call in list.Items)
        {
            if (call is not JinjaDict dict) continue;
            Prepare(dict);
            if (dict.TryGet("function", out object? function) && function is JinjaDict inner) Prepare(inner);
        }
    }

    private void Prepare(JinjaDict call)
    {
        if (!call.TryGet("arguments", out object? arguments)) return;
        if (argumentsAsText && arguments is JinjaDict)
        {
            var rendering = new Rendering(Characters);
            call.Set("arguments", JsonText.Write(rendering, arguments, new Arguments(rendering, "tojson")));
        }
        else if (!argumentsAsText && arguments is TracedText text)
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(text.Value);
                if (json.RootElement.ValueKind == JsonValueKind.Object) call.Set("arguments", Convert(json.RootElement));
            }
            catch (JsonException)
            {
                // Arguments that a model wrote need not be JSON: then they stay text.
            }
        }
    }

    private object? Convert(JsonElement value, int depth)
    {
        if (depth > MaxDepth) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"a chat request's JSON nests more than {MaxDepth} deep");
        switch (value.ValueKind)
        {
            case JsonValueKind.String: return TracedText.User(Counted(value.GetString()!));
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.Number: return Number(value);
            case JsonValueKind.Array:
                var list = new List<object?>(value.GetArrayLength());
                foreach (JsonElement item in value.EnumerateArray()) list.Add(Convert(item, depth + 1));
                return new JinjaList(list);
            case JsonValueKind.Object:
                var dict = new JinjaDict();
                foreach (JsonProperty member in value.EnumerateObject())
                    dict.Items[new DictKey(TracedText.User(Counted(member.Name)))] = Convert(member.Value, depth + 1);
                return dict;
            default: return null;
        }
    }

    private static object Number(JsonElement value)
    {
        if (value.TryGetInt64(out long integer)) return integer;
        string text = value.GetRawText();
        return text.Length <= MaxDigits && text.All(c => char.IsAsciiDigit(c) || c == '-')
            ? BigInteger.Parse(text, CultureInfo.InvariantCulture)
            : value.GetDouble();
    }

    private string Counted(string text)
    {
        Characters += text.Length;
        return text;
    }
}
