using System.Runtime.InteropServices;

namespace Edge.Llm.Cli;

/// <summary>Which standard streams the program was started without (<c>&lt;&amp;-</c>). Their numbers go to what the runtime opens next, so that
/// reading them never returns, and what is written is lost or damages something.</summary>
internal static partial class StandardStreams
{
    private const int GetDescriptorFlags = 1, CloseOnExec = 1; // F_GETFD, FD_CLOEXEC
    private const int Input = 0, Output = 1, Error = 2;

    /// <summary>The standard input is closed.</summary>
    public static bool InputIsClosed { get; } = IsClosed(Input);

    /// <summary>The standard output is closed.</summary>
    public static bool OutputIsClosed { get; } = IsClosed(Output);

    /// <summary>The standard error is closed.</summary>
    public static bool ErrorIsClosed { get; } = IsClosed(Error);

    /// <summary>Throws unless there is a standard input.</summary>
    /// <exception cref="UsageException">It is closed.</exception>
    public static void NeedInput()
    {
        if (InputIsClosed) throw new UsageException("cannot read standard input: it is closed");
    }

    /// <summary>Throws unless there is a standard output.</summary>
    /// <exception cref="UsageException">It is closed.</exception>
    public static void NeedOutput()
    {
        if (OutputIsClosed) throw new UsageException("cannot write to standard output: it is closed");
    }

    // What a process inherits is never marked to be closed at exec; what the runtime opens is.
    private static bool IsClosed(int descriptor) =>
        !OperatingSystem.IsWindows() && Control(descriptor, GetDescriptorFlags) is var flags && (flags < 0 || (flags & CloseOnExec) != 0);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command);
}
