namespace Edge.Llm.Answers;

/// <summary>The styles there are. A template's text tells which one it is of.</summary>
internal static class ToolStyles
{
    private const string Name = "{\"name\": \"", Arguments = "\", \"arguments\": ", Parameters = "\", \"parameters\": ";

    /// <summary>OpenAI's harmony format.</summary>
    public static ToolStyle Harmony { get; } = new("harmony", [["<|channel|>", "<|message|>"]], "")
    {
        First = ["<|channel|>commentary to=functions.", "<|channel|>analysis to=functions."],
        AtStart = ["to=functions."],
        Middle = [" <|constrain|>json<|message|>", "<|message|>", "·json<|message|>", "<|channel|>commentary·json<|message|>",
            "<|channel|>commentary·<|constrain|>json<|message|>", "<|channel|>analysis·<|constrain|>json<|message|>", "<|channel|>commentary<|message|>"],
        Close = ["<|call|>"],
        Parallel = false,
        Skipped = ["<|start|>assistant", "<|channel|>final<|message|>", "<|channel|>commentary<|message|>", "<|end|>", "<|return|>", "<|call|>"],
    };

    /// <summary>JSON between tags: Qwen, Hermes, Granite 4, and templates that know no tools.</summary>
    public static ToolStyle Hermes { get; } = new("hermes", [["<tool_call>"]], "<tool_call>")
    {
        First = ["<tool_call>\n" + Name],
        Next = ["\n<tool_call>\n" + Name],
        Middle = [Arguments],
        Close = ["}\n</tool_call>"],
    };

    /// <summary>In the order in which a template is looked at.</summary>
    public static IReadOnlyList<ToolStyle> All { get; } =
    [
        Harmony,
        new("qwen-coder", [["<tool_call>", "<function=", "<parameter="]], "<tool_call>")
        {
            First = ["<tool_call>\n<function="],
            Next = ["\n<tool_call>\n<function="],
            Middle = [">\n"],
            Close = ["\n</tool_call>"],
            Arguments = new KeyedForm("<parameter=", ">", "</parameter>", "</function>", Lines: true),
        },
        new("glm", [["<tool_call>", "<arg_key>", "<arg_value>"]], "<tool_call>")
        {
            First = ["<tool_call>"],
            Next = ["\n<tool_call>"],
            Middle = ["\n"],
            Arguments = new KeyedForm("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>", "</tool_call>", Lines: false),
        },
        Hermes,
        new("mistral", [["[TOOL_CALLS]", "[ARGS]"]], "[TOOL_CALLS]")
        {
            First = ["[TOOL_CALLS]"],
            Middle = ["[ARGS]", "[CALL_ID]§[ARGS]", ""],
            ShortIds = true,
        },
        new("mistral-list", [["[TOOL_CALLS]"]], "[TOOL_CALLS]")
        {
            First = ["[TOOL_CALLS]·[" + Name],
            Next = [", " + Name],
            Middle = [Arguments],
            Close = ["}", ", \"id\": \"§\"}"],
            End = "]",
            ShortIds = true,
        },
        new("deepseek-r1", [["<｜tool▁calls▁begin｜>", "```"]], "<｜tool▁calls▁begin｜>")
        {
            First = ["<｜tool▁calls▁begin｜>·<｜tool▁call▁begin｜>function<｜tool▁sep｜>"],
            Next = ["\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>"],
            Middle = ["\n```json\n"],
            Close = ["\n```<｜tool▁call▁end｜>"],
            End = "<｜tool▁calls▁end｜>",
        },
        new("deepseek", [["<｜tool▁calls▁begin｜>"]], "<｜tool▁calls▁begin｜>")
        {
            First = ["<｜tool▁calls▁begin｜>·<｜tool▁call▁begin｜>"],
            Next = ["<｜tool▁call▁begin｜>"],
            Middle = ["<｜tool▁sep｜>"],
            Close = ["<｜tool▁call▁end｜>"],
            End = "<｜tool▁calls▁end｜>",
        },
        new("gemma", [["<|tool_call>", "<tool_call|>"]], "<|tool_call>")
        {
            First = ["<|tool_call>call:"],
            Middle = [""],
            Close = ["<tool_call|>"],
            Arguments = new BareForm("<|\"|>"),
        },
        new("function-gemma", [["<start_function_call>", "<end_function_call>"]], "<start_function_call>")
        {
            First = ["<start_function_call>call:"],
            Middle = [""],
            Close = ["<end_function_call>"],
            Arguments = new BareForm("<escape>"),
        },
        new("granite", [["<|tool_call|>"]], "<|tool_call|>")
        {
            First = ["<|tool_call|>·[" + Name],
            Next = [", " + Name],
            Middle = [Arguments],
            Close = ["}"],
            End = "]",
        },
        new("llama", [["<|python_tag|>"], ["\"parameters\": "]], "<|python_tag|>")
        {
            First = ["<|python_tag|>" + Name],
            AtStart = [Name],
            Next = ["; " + Name, Name],
            Middle = [Parameters, Arguments],
            Close = ["}"],
            Skipped = ["<|python_start|>", "<|python_end|>"],
        },
    ];

    private static readonly ReasoningStyle[] s_reasoning =
    [
        new(["<|channel|>", "<|message|>"], "<|channel|>analysis<|message|>", "<|end|>"),
        new(["<|channel>thought"], "<|channel>thought\n", "<channel|>"),
        new(["[THINK]"], "[THINK]", "[/THINK]"),
        new(["<think>"], "<think>", "</think>"),
        new(["</think>"], "<think>", "</think>"),
    ];

    /// <summary>The style of a template; null: it knows no tools.</summary>
    public static ToolStyle? Of(string template) =>
        All.FirstOrDefault(style => style.Signs.Any(signs => signs.All(sign => template.Contains(sign, StringComparison.Ordinal))));

    /// <summary>The reasoning sections of a template, or null.</summary>
    public static ReasoningStyle? ReasoningOf(string template) =>
        s_reasoning.FirstOrDefault(style => style.Signs.All(sign => template.Contains(sign, StringComparison.Ordinal)));
}
