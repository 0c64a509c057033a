namespace Edge.Llm;

/// <summary>What went wrong. The numbers are those of the C ABI (<c>edge_llm_status</c>); 0 is success there.</summary>
public enum ErrorCode
{
    /// <summary>A file is damaged, truncated or not of the format expected.</summary>
    InvalidFile = 1,

    /// <summary>The file or request is well-formed but asks for something that this build does not do.</summary>
    Unsupported = 2,

    /// <summary>An allocation failed, or a configuration does not fit the memory there is.</summary>
    OutOfMemory = 3,

    /// <summary>The prompt does not fit the context.</summary>
    ContextFull = 4,

    /// <summary>The caller cancelled the request.</summary>
    Cancelled = 5,

    /// <summary>The request's deadline passed.</summary>
    DeadlineExceeded = 6,

    /// <summary>An argument is out of range or contradicts another.</summary>
    InvalidArgument = 7,

    /// <summary>A grammar or schema cannot be parsed.</summary>
    GrammarError = 8,

    /// <summary>An offload plug-in failed.</summary>
    PluginError = 9,

    /// <summary>A NaN or an infinity arose where only finite numbers may be.</summary>
    NonFinite = 10,

    /// <summary>The process forked: handles made before the fork cannot be used in the child.</summary>
    Forked = 11,

    /// <summary>A defect of the engine.</summary>
    Internal = 12,

    /// <summary>A handle of the C ABI that was never given out, is closed, or is of another kind.</summary>
    InvalidHandle = 13,

    /// <summary>Another call is under way in the same context.</summary>
    Busy = 14,

    /// <summary>A buffer given is too small; the call told the size that is needed.</summary>
    BufferTooSmall = 15,

    /// <summary>There is nothing to read yet: a status of the C ABI, and no failure.</summary>
    NotReady = 16,
}
