namespace Edge.Llm.Cli.Pull;

/// <summary>A file that a server has. Without a hash a version (its entity tag, or its date) may tell one content from another.</summary>
internal sealed record RemoteFile(Uri Url, long? Size, string? Sha256, string? Version = null)
{
    /// <summary>Whether a text is a SHA-256 in hexadecimal.</summary>
    public static bool IsSha256(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigit);
}

/// <summary>A model that a server has: a name for it, and its files in order.</summary>
internal sealed record Offer(string Name, IReadOnlyList<RemoteFile> Files);
