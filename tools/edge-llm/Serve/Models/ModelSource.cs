namespace Edge.Llm.Cli.Serve.Models;

/// <summary>A model that the server offers.</summary>
/// <param name="Name">What clients call it.</param>
/// <param name="Open">Opens the file and makes its context.</param>
/// <param name="File">The file, whose date is the model's.</param>
internal sealed record ModelSource(string Name, string File, Func<LoadedModel> Open)
{
    /// <summary>Seconds since 1970 at which the file was made.</summary>
    public long Created => new DateTimeOffset(System.IO.File.GetLastWriteTimeUtc(File)).ToUnixTimeSeconds() is > 0 and var time ? time : 0;
}
