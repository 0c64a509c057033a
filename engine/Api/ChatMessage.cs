namespace Edge.Llm;

/// <summary>A message of a chat.</summary>
/// <param name="Role">Whose it is: system, user, assistant or tool.</param>
/// <param name="Content">Its text.</param>
public sealed record ChatMessage(string Role, string Content);
