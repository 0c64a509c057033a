using System.Text.Json;
using Edge.Llm.Answers;

namespace Edge.Llm;

/// <summary>How a model's conversations are written: makes prompts of messages and tools, and says how to read the answer. Stateless; any number of
/// threads may use one.</summary>
public sealed class ChatFormat
{
    private readonly ChatTemplate _template;
    private readonly Tokenizer _tokenizer;

    /// <summary>The format of a template.</summary>
    /// <param name="template">How messages become a prompt.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    public ChatFormat(ChatTemplate template, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_template, _tokenizer) = (template, tokenizer);
    }

    /// <summary>Whether the model may write to itself before it answers.</summary>
    public bool HasReasoning => ToolStyles.ReasoningOf(_template.Source) is not null;

    /// <summary>Makes a conversation ready to be answered.</summary>
    /// <param name="messages">The messages so far.</param>
    /// <param name="answer">What the answer may hold besides text.</param>
    /// <param name="generate">What to generate. A grammar there is that of the text for the user: it stands behind what the model writes to itself,
    /// and in place of calls.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument: the tools, the choice, or the template refuses the messages. A tool's schema that is not
    /// supported is a GrammarError when the generation begins.</exception>
    public ChatPrompt Prepare(IReadOnlyList<ChatMessage> messages, AnswerOptions? answer = null, GenerateOptions? generate = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        answer ??= new AnswerOptions();
        generate ??= new GenerateOptions();
        ToolSet tools = ToolsOf(answer);
        bool hasTools = tools.Names.Count > 0;
        ChatTemplate template = hasTools && _template.ToolUse is { } toolUse ? toolUse : _template;
        ToolStyle? known = ToolStyles.Of(template.Source);
        IReadOnlyList<ChatMessage> turns = known is not null && template.Source.Contains("tool_calls", StringComparison.Ordinal)
            ? messages : PlainMessages.Of(messages, known ?? ToolStyles.Hermes);
        if (hasTools && known is null) turns = PlainMessages.WithTools(turns, tools);
        RenderedPrompt prompt = template.Render(turns, known is null ? null : tools.Json.ValueKind == JsonValueKind.Array ? tools.Json : null,
            variables: answer.Variables, now: answer.Date);

        ReasoningStyle? reasoning = ToolStyles.ReasoningOf(template.Source);
        bool inReasoning = reasoning is not null && prompt.Text.TrimEnd().EndsWith(reasoning.Open.TrimEnd(), StringComparison.Ordinal);
        ToolStyle? style = hasTools ? known ?? ToolStyles.Hermes : reasoning?.Open.StartsWith("<|channel|>", StringComparison.Ordinal) == true ? ToolStyles.Harmony : null;
        var format = new AnswerFormat(style, reasoning, inReasoning, tools);
        return new ChatPrompt(prompt.Text, prompt.Encode(_tokenizer), Complete(generate, answer, format, template), format);
    }

    private GenerateOptions Complete(GenerateOptions generate, AnswerOptions answer, AnswerFormat format, ChatTemplate template)
    {
        bool hasTools = format.Tools.Names.Count > 0;
        Grammar? grammar = generate.Grammar;
        if (hasTools || (grammar is not null && format.Reasoning is not null))
        {
            bool parallel = answer.ParallelToolCalls && !template.Source.Contains("only supports single tool-calls", StringComparison.Ordinal);
            grammar = Grammar.Of(new AnswerGrammar(format.Style, format.Reasoning, format.InReasoning, hasTools ? format.Tools.Json.GetRawText() : "",
                hasTools && (answer.ToolChoice == ToolChoice.Required || answer.ToolName is not null), answer.ToolName ?? "", parallel, generate.Grammar));
        }
        HashSet<int> rendered = new MarkerSpelling(_tokenizer.Vocabulary).ControlTokens(MarkerSpelling.TextsOf(format.Style, format.Reasoning));
        return generate with
        {
            Grammar = grammar,
            RenderedTokens = rendered,
            Reasoning = answer.ReasoningBudget < 0 || format.Reasoning is not { } reasoning ? generate.Reasoning
                : new ReasoningLimit(answer.ReasoningBudget, reasoning.Open, reasoning.Close, format.InReasoning),
        };
    }

    private static ToolSet ToolsOf(AnswerOptions answer)
    {
        if (answer.ReasoningBudget < -1)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"ReasoningBudget: expected -1 or more, found {answer.ReasoningBudget}");
        if (answer.ToolChoice == ToolChoice.None) return ToolSet.None;
        ToolSet tools = answer.Tools is { ValueKind: not JsonValueKind.Null } json ? ToolSet.Parse(json) : ToolSet.None;
        if (answer.ToolName is { } name && !tools.Has(name))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"the tool to call: expected the name of one of the tools, found \"{name}\"");
        if (answer.ToolChoice == ToolChoice.Required && tools.Names.Count == 0)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "a call is required, and there are no tools");
        return tools;
    }
}
