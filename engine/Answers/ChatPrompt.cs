using System.IO.Hashing;
using System.Runtime.InteropServices;
using Edge.Llm.Answers;

namespace Edge.Llm;

/// <summary>A conversation made ready to be answered.</summary>
public sealed class ChatPrompt
{
    private readonly AnswerFormat _format;

    internal ChatPrompt(string text, int[] tokens, GenerateOptions options, AnswerFormat format) =>
        (Text, Tokens, Options, _format) = (text, tokens, options, format);

    /// <summary>The prompt as the template wrote it.</summary>
    public string Text { get; }

    /// <summary>The prompt.</summary>
    public IReadOnlyList<int> Tokens { get; }

    /// <summary>What to generate: the options given, with the grammar of tools and the budget for reasoning.</summary>
    public GenerateOptions Options { get; }

    /// <summary>Whether the prompt has opened a section in which the model writes to itself.</summary>
    public bool IsInReasoning => _format.InReasoning;

    /// <summary>Tells the parts of an answer apart. Ids of calls follow from the prompt and the seed.</summary>
    public AnswerScanner NewScanner(ulong seed = 0) =>
        new(_format, XxHash3.HashToUInt64(MemoryMarshal.AsBytes(((int[])Tokens).AsSpan()), (long)seed));
}
