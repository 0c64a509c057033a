using System.Runtime.InteropServices;

namespace Edge.Llm.Cli;

/// <summary>Ctrl-C asks the work to stop; a second one ends the process as usual.</summary>
internal sealed class Interrupts : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _registration;

    public Interrupts() => _registration = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
    {
        if (_source.IsCancellationRequested) return;
        context.Cancel = true;
        _source.Cancel();
    });

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        _registration.Dispose();
        _source.Dispose();
    }
}
