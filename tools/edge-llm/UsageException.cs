namespace Edge.Llm.Cli;

/// <summary>What the caller of the program did wrong: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
