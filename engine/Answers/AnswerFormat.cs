namespace Edge.Llm.Answers;

/// <summary>What the text of an answer may hold besides content.</summary>
/// <param name="Style">How calls are written; null: there are none.</param>
/// <param name="Reasoning">How the model's sections for itself are written; null: there are none.</param>
/// <param name="InReasoning">Whether the prompt has opened such a section.</param>
/// <param name="Tools">The tools.</param>
internal sealed record AnswerFormat(ToolStyle? Style, ReasoningStyle? Reasoning, bool InReasoning, ToolSet Tools);
