namespace Edge.Llm.Native;

/// <summary>The callbacks of the requests that were submitted together. They are called until all of these are closed, and not before the caller
/// has their handles.</summary>
internal sealed unsafe class Submission(GenerateOptionsData data)
{
    [ThreadStatic]
    private static bool t_calling;

    private readonly object _gate = new(); // held during a callback
    private RequestResource[] _requests = [];
    private int _open;

    /// <summary>Makes requests and their handles. Callbacks wait for that.</summary>
    public void Open(ContextResource context, IReadOnlyList<int> prompt, GenerateOptions options, ChatPrompt? chat, Span<nint> handles)
    {
        options = options with
        {
            OnReady = data.Ready is null ? null : Ready,
            Deadline = data.Deadline < 0 ? null : TimeSpan.FromMilliseconds(Math.Min(data.Deadline, 1L << 40)),
        };
        lock (_gate)
        {
            _requests = [.. context.Context.GenerateChoices(prompt, handles.Length, options, context.Interruption.Closing)
                .Select(generation => new RequestResource(context, this, generation, data.Id, chat))];
            _open = _requests.Length;
            int opened = 0;
            try
            {
                for (; opened < handles.Length; opened++) handles[opened] = HandleTable.Instance.Open(_requests[opened]);
            }
            catch
            {
                foreach (RequestResource request in _requests)
                {
                    request.Close();
                    request.EndUse();
                }
                for (int i = 0; i < opened; i++) HandleTable.Instance.Close<RequestResource>(handles[i]);
                handles.Clear();
                throw;
            }
        }
    }

    /// <summary>Told how far the prompt is.</summary>
    public Action<int, int>? Prefill => data.Prefill is null ? null : TellPrefill;

    /// <summary>A request is closed. When this returns, a callback that ran on another thread has returned, unless this is called from a callback:
    /// two of them could wait for one another.</summary>
    public void Forget()
    {
        Interlocked.Decrement(ref _open);
        if (t_calling) return;
        Monitor.Enter(_gate);
        Monitor.Exit(_gate);
    }

    private void Ready() => Call(() => Callbacks.Ready(data.Ready, data.ReadyUser));

    private void TellPrefill(int done, int total) => Call(() =>
    {
        if (Callbacks.Prefill(data.Prefill, data.PrefillUser, (nuint)done, (nuint)total) == 0) return;
        foreach (RequestResource request in _requests) request.Cancel();
    });

    private void Call(Action callback)
    {
        lock (_gate)
        {
            if (Volatile.Read(ref _open) == 0) return;
            bool wasCalling = t_calling;
            t_calling = true;
            callback();
            t_calling = wasCalling;
        }
    }
}
