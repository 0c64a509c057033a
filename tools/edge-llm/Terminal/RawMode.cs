using System.Runtime.InteropServices;

namespace Edge.Llm.Cli.Terminal;

/// <summary>Takes the terminal at standard input out of its line discipline: every key comes at once, unechoed, Ctrl-C too. Disposing puts
/// it back, and so do the signals that end the process (SIGINT is the chat's: it does not end it). A process that was stopped and goes on takes
/// it out again: the .NET runtime puts the terminal back then.</summary>
internal sealed unsafe partial class RawMode : IDisposable
{
    private const int StandardInput = 0, TcsaDrain = 1, MaxTermios = 256; // struct termios has 44 to 72 bytes, whatever the system

    private readonly byte[] _before = new byte[MaxTermios], _raw = new byte[MaxTermios];
    private readonly PosixSignalRegistration[] _signals;
    private readonly Lock _gate = new();
    private bool _restored;

    /// <param name="atDeath">What else to put back when a signal ends the process.</param>
    /// <exception cref="IOException">Standard input is no terminal.</exception>
    /// <exception cref="PlatformNotSupportedException">A Windows console edits by itself.</exception>
    public RawMode(Action atDeath)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException();
        fixed (byte* before = _before)
            if (GetAttributes(StandardInput, before) != 0) throw new IOException("standard input is no terminal");
        _before.CopyTo(_raw, 0);
        fixed (byte* raw = _raw) MakeRaw(raw);
        PosixSignal[] deadly = [PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];
        _signals =
        [
            .. deadly.Select(signal => PosixSignalRegistration.Create(signal, _ => Die(atDeath))),
            PosixSignalRegistration.Create(PosixSignal.SIGCONT, GoOn),
        ];
        Begin();
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

    private void GoOn(PosixSignalContext context)
    {
        context.Cancel = true; // the runtime would put the terminal back after this
        Begin();
    }

    private void Begin()
    {
        lock (_gate)
            fixed (byte* raw = _raw)
                if (!_restored) _ = SetAttributes(StandardInput, TcsaDrain, raw);
    }

    private void Restore()
    {
        lock (_gate)
        {
            fixed (byte* before = _before)
                if (!_restored) _ = SetAttributes(StandardInput, TcsaDrain, before);
            _restored = true;
        }
    }

    // The structure's layout differs between systems; nothing here looks inside.
    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int file, byte* termios);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int file, int when, byte* termios);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    private static partial void MakeRaw(byte* termios);
}
