namespace Edge.Llm.Cli.Serve.Answers;

/// <summary>A conversation to be answered, whatever interface it came by.</summary>
internal sealed record ChatRequest
{
    /// <summary>The model's name, or null.</summary>
    public string? Model { get; init; }

    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>Tools and reasoning.</summary>
    public AnswerOptions Answer { get; init; } = new();

    /// <summary>What to generate.</summary>
    public GenerateOptions Generate { get; init; } = new();

    /// <summary>How many answers.</summary>
    public int Choices { get; init; } = 1;
}
