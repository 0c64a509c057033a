using Edge.Llm.Grammars;

namespace Edge.Llm.Answers;

/// <summary>The text of a whole answer: sections for the model itself, free text, calls. Once a call has begun, all of it is a call of one of the
/// tools, with arguments of its schema.</summary>
/// <param name="Style">How calls are written; null: there are none.</param>
/// <param name="Reasoning">How sections are written; null: there are none.</param>
/// <param name="InReasoning">Whether the prompt has opened such a section.</param>
/// <param name="Tools">The descriptions of the tools, as JSON.</param>
/// <param name="Forced">Whether there must be a call, and nothing else.</param>
/// <param name="Named">The one tool that may be called; empty: any.</param>
/// <param name="Parallel">Whether there may be several calls.</param>
/// <param name="Content">What text that is no call must look like, or null.</param>
internal sealed record AnswerGrammar(
    ToolStyle? Style, ReasoningStyle? Reasoning, bool InReasoning, string Tools, bool Forced, string Named, bool Parallel, Grammar? Content) : GrammarSource
{
    /// <inheritdoc/>
    public override int Bytes => 200 + 2 * Tools.Length + (Content?.Bytes ?? 0);

    /// <inheritdoc/>
    public override int Make(Productions productions, Tokenizer tokenizer) => new AnswerProductions(this, productions, tokenizer).Make();
}
