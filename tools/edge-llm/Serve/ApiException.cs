namespace Edge.Llm.Cli.Serve;

/// <summary>A request that is not served, as its client is told. An inner exception is for the log alone.</summary>
internal sealed class ApiException(int status, string message, string? param = null, string? code = null, int retryAfter = 0, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>The client has closed the connection. nginx's number; nobody reads it but the log.</summary>
    public const int ClientGone = 499;

    public int Status => status;

    /// <summary>The member of the request at fault, or null.</summary>
    public string? Param => param;

    /// <summary>A word for programs, or null.</summary>
    public string? Code => code;

    /// <summary>Seconds after which another try makes sense; 0: nobody knows.</summary>
    public int RetryAfter => retryAfter;

    /// <summary>What an error of any kind means to a client. What is no fault of the request has no detail.</summary>
    public static ApiException Of(Exception error) => error switch
    {
        ApiException own => own,
        EdgeLlmException { Code: ErrorCode.ContextFull } e => new ApiException(400, e.Message, null, "context_length_exceeded"),
        EdgeLlmException { Code: ErrorCode.InvalidArgument or ErrorCode.GrammarError or ErrorCode.Unsupported } e => new ApiException(400, e.Message),
        EdgeLlmException { Code: ErrorCode.OutOfMemory } e => new ApiException(503, e.Message, null, "out_of_memory", retryAfter: 5),
        EdgeLlmException { Code: ErrorCode.Busy } e => new ApiException(503, e.Message, null, "busy", retryAfter: 1),
        EdgeLlmException { Code: ErrorCode.NonFinite } e => new ApiException(500, e.Message),
        ObjectDisposedException => new ApiException(503, "the server is shutting down", null, "shutting_down", retryAfter: 5),
        OperationCanceledException => new ApiException(ClientGone, "the request was cancelled"),
        _ => new ApiException(500, "internal error: the server's log has more"),
    };
}
