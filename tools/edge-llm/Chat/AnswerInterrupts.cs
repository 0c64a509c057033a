using System.Runtime.InteropServices;

namespace Edge.Llm.Cli.Chat;

/// <summary>Ctrl-C (SIGINT) in a chat: stops the answer, if one is being made; else it ends the program, after some patience.</summary>
internal sealed class AnswerInterrupts : IDisposable
{
    /// <summary>What to do, for somebody who pressed Ctrl-C at the prompt.</summary>
    public const string EndNotice = "(Ctrl-C again or Ctrl-D ends)";

    private readonly Lock _gate = new();
    private readonly int _patience;
    private readonly PosixSignalRegistration _registration;
    private CancellationTokenSource? _answer;
    private int _idle;

    /// <summary>Listens from now on.</summary>
    /// <param name="patience">How many in a row do nothing while no answer is being made.</param>
    public AnswerInterrupts(int patience)
    {
        _patience = patience;
        _registration = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
    }

    /// <summary>An answer begins; the token ends it.</summary>
    public CancellationToken Begin()
    {
        lock (_gate)
        {
            _idle = 0;
            _answer = new CancellationTokenSource();
            return _answer.Token;
        }
    }

    /// <summary>The answer is over.</summary>
    public void End()
    {
        lock (_gate)
        {
            _answer?.Dispose();
            _answer = null;
        }
    }

    public void Dispose()
    {
        _registration.Dispose();
        End();
    }

    private void Handle(PosixSignalContext context)
    {
        lock (_gate)
        {
            _answer?.Cancel();
            context.Cancel = _answer is not null || _idle++ < _patience;
            if (_answer is null && context.Cancel) Console.Error.WriteLine(EndNotice);
        }
    }
}
