using System.Text;
using System.Text.Json;
using Edge.Llm.Templates.Jinja;

namespace Edge.Llm;

/// <summary>Turns a conversation into the text that a model was trained on: a Jinja template, usually the model's own. Templates are not
/// trusted: work, text and depth are bounded. Immutable; any number of threads may use one.</summary>
public sealed class ChatTemplate
{
    private const string Key = "tokenizer.chat_template";
    private const int MaxLength = 512 << 10;

    private readonly Block _template;
    private readonly (string Name, string Text)[] _tokens;

    private ChatTemplate(string source, Vocabulary? vocabulary)
    {
        if (string.IsNullOrWhiteSpace(source))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "chat template, line 1: expected a template, found an empty text");
        if (source.Length > MaxLength)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"chat template, line 1: expected at most {MaxLength} characters, found {source.Length}");
        Source = source;
        _template = TemplateParser.Parse(source);
        _tokens = vocabulary is null ? [] : [.. SpecialTokens(vocabulary)];
    }

    /// <summary>The template's text.</summary>
    public string Source { get; }

    /// <summary>The template for requests with tools, if the model has another one for them.</summary>
    public ChatTemplate? ToolUse { get; private init; }

    /// <summary>Reads a template.</summary>
    /// <param name="source">Jinja, as <c>chat_template</c> in a tokenizer_config.json.</param>
    /// <param name="vocabulary">Where <c>bos_token</c> and <c>eos_token</c> come from; without it they are undefined.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument: not a template, or an empty one; Unsupported: a filter, test or block that does not exist here.</exception>
    public static ChatTemplate Parse(string source, Vocabulary? vocabulary = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate(source, vocabulary);
    }

    /// <summary>The template of a model: <c>tokenizer.chat_template</c>, or <c>tokenizer.chat_template.NAME</c>.</summary>
    /// <param name="metadata">The model's metadata.</param>
    /// <param name="vocabulary">The model's vocabulary, if it is read already.</param>
    /// <param name="name">A named template instead of the default.</param>
    /// <exception cref="EdgeLlmException">Unsupported: the model has none; otherwise as <see cref="Parse"/>.</exception>
    public static ChatTemplate FromGguf(GgufMetadata metadata, Vocabulary? vocabulary = null, string? name = null) =>
        TryFromGguf(metadata, vocabulary, name)
        ?? throw new EdgeLlmException(ErrorCode.Unsupported, $"the model has no {KeyOf(name)}: a chat template must be given");

    /// <summary>As <see cref="FromGguf"/>, or null if the model has no such template.</summary>
    public static ChatTemplate? TryFromGguf(GgufMetadata metadata, Vocabulary? vocabulary = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        string source = metadata.GetString(KeyOf(name), "");
        if (string.IsNullOrWhiteSpace(source)) return null;
        if (vocabulary is null && metadata.Contains("tokenizer.ggml.model")) vocabulary = Vocabulary.FromGguf(metadata);
        return new ChatTemplate(source, vocabulary) { ToolUse = name is null ? TryFromGguf(metadata, vocabulary, "tool_use") : null };
    }

    /// <summary>The text of a conversation.</summary>
    /// <param name="messages">The turns so far.</param>
    /// <param name="tools">Descriptions of the functions that the model may call: a JSON array, as in a chat request.</param>
    /// <param name="addGenerationPrompt">End with the beginning of the assistant's turn.</param>
    /// <param name="variables">More variables for the template: <c>enable_thinking</c>, <c>documents</c>, <c>date_string</c>.</param>
    /// <param name="now">The date that the template may write; null: the present.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument: the template refuses these messages, or takes too much; the message names its line.</exception>
    public RenderedPrompt Render(IReadOnlyList<ChatMessage> messages, JsonElement? tools = null, bool addGenerationPrompt = true,
        IReadOnlyDictionary<string, JsonElement>? variables = null, DateTime? now = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        now ??= DateTime.Now;
        bool hasTools = tools is { ValueKind: JsonValueKind.Array } array && array.GetArrayLength() > 0;
        if (hasTools && ToolUse is { } toolUse) return toolUse.Render(messages, tools, addGenerationPrompt, variables, now);

        RenderedPrompt Run(bool argumentsAsText)
        {
            var input = new TemplateInput(argumentsAsText);
            JinjaList turns = input.Messages(messages);
            var values = new List<(string Name, object? Value)>
            {
                ("messages", turns),
                ("tools", hasTools ? input.Convert(tools!.Value) : null),
                ("documents", null),
                ("add_generation_prompt", addGenerationPrompt),
            };
            foreach ((string name, JsonElement value) in variables ?? new Dictionary<string, JsonElement>()) values.Add((name, input.Convert(value)));
            return new RenderedPrompt(Evaluate(values, input.Characters, now), Source);
        }

        try
        {
            return Run(argumentsAsText: false);
        }
        catch (EdgeLlmException error) when (error.Code == ErrorCode.InvalidArgument && TemplateInput.AnyArguments(messages))
        {
            // Templates disagree whether a call's arguments are an object or its JSON.
            try
            {
                return Run(argumentsAsText: true);
            }
            catch (EdgeLlmException)
            {
                throw error;
            }
        }
    }

    internal TracedText Evaluate(IEnumerable<(string Name, object? Value)> variables, long inputCharacters, DateTime? now)
    {
        var rendering = new Rendering(inputCharacters);
        var scope = new Scope(rendering, null);
        Globals.AddTo(scope, now);
        foreach ((string name, string text) in _tokens) scope.Set(name, TracedText.Template(text));
        foreach ((string name, object? value) in variables) scope.Set(name, value);
        return _template.Capture(scope.Inner());
    }

    private static string KeyOf(string? name) => name is null ? Key : $"{Key}.{name}";

    private static IEnumerable<(string Name, string Text)> SpecialTokens(Vocabulary vocabulary)
    {
        (string Name, int Id)[] tokens =
            [("bos_token", vocabulary.BosId), ("eos_token", vocabulary.EosId), ("unk_token", vocabulary.UnkId), ("pad_token", vocabulary.PadId)];
        foreach ((string name, int id) in tokens)
            if (id >= 0) yield return (name, Encoding.UTF8.GetString(vocabulary.GetText(id)));
    }
}
