namespace Edge.Llm;

/// <summary>What a piece of an answer is.</summary>
public enum AnswerPart
{
    /// <summary>Text for the user.</summary>
    Content = 1,

    /// <summary>Text that the model wrote to itself.</summary>
    Reasoning = 2,

    /// <summary>A call of a tool begins: its index, id and name are known.</summary>
    CallBegin = 3,

    /// <summary>More of a call's arguments, which are one JSON object in all.</summary>
    Arguments = 4,

    /// <summary>The call's arguments are complete.</summary>
    CallEnd = 5,

    /// <summary>The call ends before its arguments do. The text is the call as the model wrote it.</summary>
    CallBroken = 6,
}

/// <summary>A piece of an answer, in the order in which the model wrote it.</summary>
/// <param name="Part">What it is.</param>
/// <param name="Text">Its text; empty where a call begins or ends.</param>
/// <param name="Index">The call's number in the answer, from 0; -1 outside of calls.</param>
/// <param name="Id">The call's id, where it begins.</param>
/// <param name="Name">The tool's name, where the call begins.</param>
public readonly record struct AnswerDelta(AnswerPart Part, string Text, int Index = -1, string? Id = null, string? Name = null);

/// <summary>A call of a tool.</summary>
/// <param name="Id">What the tool's answer names it by.</param>
/// <param name="Name">The tool.</param>
/// <param name="Arguments">A JSON object.</param>
public sealed record ToolCall(string Id, string Name, string Arguments);
