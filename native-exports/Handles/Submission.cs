namespace Edge.Llm.Native;

/// <summary>The callbacks of the requests that were submitted together. They are called until all of these are closed, and not before the caller
/// has their handles.</summary>
internal sealed unsafe class Submission(GenerateOptionsData data)
{
    private readonly object _gate = new();
    private readonly List<RequestResource> _open = [];

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
            foreach (Generation generation in context.Context.GenerateChoices(prompt, handles.Length, options, context.Interruption.Closing))
                _open.Add(new RequestResource(context, this, generation, data.Id, chat));
            int opened = 0;
            try
            {
                for (; opened < handles.Length; opened++) handles[opened] = HandleTable.Instance.Open(_open[opened]);
            }
            catch
            {
                foreach (RequestResource request in _open.ToArray())
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

    /// <summary>A request is closed. A callback that runs on another thread has returned.</summary>
    public void Forget(RequestResource request)
    {
        lock (_gate) _open.Remove(request);
    }

    private void Ready()
    {
        lock (_gate)
            if (_open.Count > 0) Callbacks.Ready(data.Ready, data.ReadyUser);
    }

    private void TellPrefill(int done, int total)
    {
        lock (_gate)
            if (_open.Count > 0 && Callbacks.Prefill(data.Prefill, data.PrefillUser, (nuint)done, (nuint)total) != 0)
                foreach (RequestResource request in _open) request.Cancel();
    }
}
