using System.Runtime.InteropServices;

namespace Edge.Llm.Cli.Terminal;

/// <summary>Takes the terminal at standard input out of its line discipline: every key comes at once, unechoed, Ctrl-C too. Disposing puts
/// it back, and so do the signals that end the process (SIGINT is the chat's: it
/// does not end it).</summary>
internal sealed unsafe partial class RawMode : IDisposable
{
    private const int StandardInput = 0, TcsaDrain = 1, MaxTermios = 256; // struct termios has 44 to 72 bytes, whatever the system

    private readonly byte[] _before = new byte[MaxTermios];
    private readonly PosixSignalRegistration[] _signals;
    private int _restored;

    /// <param name="atDeath">What else to put back when a signal ends the process.</param>
    /// <exception cref="IOException">Standard input is no terminal.</exception>
    public RawMode(Action atDeath)
    {
        byte* raw = stackalloc byte[MaxTermios];
        fixed (byte* before = _before)
        {
            if (GetAttributes(StandardInput, before) != 0) throw new IOException("standard input is no terminal");
            new ReadOnlySpan<byte>(before, MaxTermios).CopyTo(new Span<byte>(raw, MaxTermios));
        }
        MakeRaw(raw);
        PosixSignal[] deadly = [PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];
        _signals = [.. deadly.Select(signal => PosixSignalRegistration.Create(signal, _ => Die(atDeath)))];
        _ = SetAttributes(StandardInput, TcsaDrain, raw);
    }

    public void Dispose()
    {
        Restore();
        foreach (PosixSignalRegistration signal in _signals) signal.Dispose();
    }

    private void Die(Action atDeath)
    {
        Restore();
        atDeath();
    }

    private void Restore()
    {
        if (Interlocked.Exchange(ref _restored, 1) != 0) return;
        fixed (byte* before = _before) _ = SetAttributes(StandardInput, TcsaDrain, before);
    }

    // The structure's layout differs between systems; nothing here looks inside.
    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int file, byte* termios);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int file, int when, byte* termios);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    private static partial void MakeRaw(byte* termios);
}
