namespace Edge.Llm;

/// <summary>The one exception the engine throws on purpose: a code to act on, and a message that names the file offset,
/// tensor or key, what was expected and what was found.</summary>
public sealed class EdgeLlmException : Exception
{
    /// <summary>Makes an error of one code.</summary>
    public EdgeLlmException(ErrorCode code, string message, Exception? inner = null) : base(message, inner) => Code = code;

    /// <summary>What kind of failure this is.</summary>
    public ErrorCode Code { get; }
}
