using Edge.Llm.Cli.Models;

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
        string prefix = File + ": ", message = error.Message;
        string reason = message.StartsWith(prefix, StringComparison.Ordinal) ? message[prefix.Length..] : message;
        reason = reason.Replace(File, Name, StringComparison.Ordinal);
        if (error is not (EdgeLlmException or UsageException) || NamesAFile(message, reason)) reason = "the server's log has more";
        string told = $"the model '{Name}' cannot be loaded: {Failure.OneLine(reason)}";
        return error is EdgeLlmException { Code: ErrorCode.OutOfMemory } ? new ApiException(503, told, "model", "out_of_memory", retryAfter: 5, error)
            : new ApiException(500, told, "model", "model_not_loadable", inner: error);
    }

    // Another one than the model's: an adapter, a draft model, a template.
    private bool NamesAFile(string message, string reason) =>
        reason.AsSpan().ContainsAny('/', '\\') || reason.Contains(ModelName.Ending, StringComparison.OrdinalIgnoreCase)
        || (message.StartsWith("cannot ", StringComparison.Ordinal) && !message.Contains(File, StringComparison.Ordinal))
        || reason.Split([' ', ':', ',', '\''], StringSplitOptions.RemoveEmptyEntries).Any(System.IO.File.Exists);

    /// <summary>Seconds since 1970 at which the file was made.</summary>
    public long Created => new DateTimeOffset(System.IO.File.GetLastWriteTimeUtc(File)).ToUnixTimeSeconds() is > 0 and var time ? time : 0;
}
