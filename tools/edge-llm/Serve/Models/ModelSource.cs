namespace Edge.Llm.Cli.Serve.Models;

/// <summary>A model that the server offers.</summary>
/// <param name="Name">What clients call it.</param>
/// <param name="Open">Opens the file and makes its context.</param>
/// <param name="File">The file, whose date is the model's.</param>
internal sealed record ModelSource(string Name, string File, Func<LoadedModel> Open)
{
    /// <summary>What a client is told of a model that cannot be opened: paths are for the log.</summary>
    public ApiException CannotOpen(Exception error)
    {
        string reason = error.Message.Replace(File + ": ", "", StringComparison.Ordinal).Replace(File, Name, StringComparison.Ordinal);
        if (error is not (EdgeLlmException or UsageException) || reason.AsSpan().ContainsAny('/', '\\')) reason = "the server's log has more";
        string message = $"the model '{Name}' cannot be loaded: {Failure.OneLine(reason)}";
        return error is EdgeLlmException { Code: ErrorCode.OutOfMemory } ? new ApiException(503, message, "model", "out_of_memory", retryAfter: 5, error)
            : new ApiException(500, message, "model", "model_not_loadable", inner: error);
    }

    /// <summary>Seconds since 1970 at which the file was made.</summary>
    public long Created => new DateTimeOffset(System.IO.File.GetLastWriteTimeUtc(File)).ToUnixTimeSeconds() is > 0 and var time ? time : 0;
}
