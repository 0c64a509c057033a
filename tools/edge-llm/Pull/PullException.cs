namespace Edge.Llm.Cli.Pull;

/// <summary>A server that cannot be reached, breaks off, or sends what it should not.</summary>
internal sealed class PullException(string message, bool mayPass = false, TimeSpan? wait = null) : Exception(message)
{
    /// <summary>Whether another attempt may succeed.</summary>
    public bool MayPass => mayPass;

    /// <summary>How long the server asks to wait before it.</summary>
    public TimeSpan? Wait => wait;
}
