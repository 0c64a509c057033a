using Edge.Llm.Threading;

namespace Edge.Llm.Scheduling;

/// <content>Whose turn it is: one thread at a time drives a step, the others wait for what it makes.</content>
internal sealed partial class Scheduler
{
    private readonly object _gate = new();
    private long _retired; // requests that have ended
    private int _driver; // the thread that drives a step, or 0

    /// <summary>Returns when a request has something for its reader, and drives steps until then unless another thread does.</summary>
    /// <exception cref="EdgeLlmException">Busy, InvalidFile: the step was nobody's fault, and no request has changed.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed of.</exception>
    public void Pull(Request request)
    {
        while (BeginStep(request)) DriveStep();
    }

    /// <summary>Drives one step, after the one that another thread drives.</summary>
    /// <returns>Requests that need more steps.</returns>
    /// <exception cref="EdgeLlmException">As with <see cref="Pull"/>.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed of.</exception>
    public int StepForAll()
    {
        if (BeginStep(null)) DriveStep();
        lock (_gate) return _requests.Count(request => !request.IsDone);
    }

    /// <summary>Cancels a request: its reader gets the last item. A step under way goes on for the others.</summary>
    public void Cancel(Request request)
    {
        request.Cancel();
        request.EndsEarly();
        Wake();
    }

    /// <summary>Takes a request out. It waits for the step under way only if the sequence is the caller's, who may use it from now on.</summary>
    public void Remove(Request request)
    {
        lock (_gate)
        {
            request.Leave();
            while (_driver != 0 && _driver != Environment.CurrentManagedThreadId && !request.OwnsSequence) Monitor.Wait(_gate);
            if (_driver != 0 || runner.Cache.Files is null || !_requests.Contains(request))
            {
                Forget(request); // the step under way saves its text
                return;
            }
            _driver = Environment.CurrentManagedThreadId; // no step begins while its text is saved
        }
        try
        {
            using Gate.Use context = lifetime.Hold();
            request.Save();
        }
        catch (ObjectDisposedException)
        {
            // The context is disposed of: then it is not kept.
        }
        finally
        {
            lock (_gate)
            {
                _driver = 0;
                Forget(request);
            }
        }
    }

    /// <summary>Takes a request out that nobody can read any more; waits for no step: the one under way retires it.</summary>
    public void Forget(Request request)
    {
        lock (_gate)
        {
            request.Leave();
            if (_driver == 0 && _requests.Remove(request)) request.Release();
            request.Abandon();
            Monitor.PulseAll(_gate); // somebody may wait for its next token
        }
    }

    // Behind those of the same priority.
    private void Enqueue(Request request)
    {
        lock (_gate)
        {
            _requests.Insert(_requests.FindLastIndex(other => other.Priority >= request.Priority) + 1, request);
            Monitor.PulseAll(_gate); // the scheduler's thread may wait for it
        }
    }

    private void DriveStep()
    {
        try
        {
            using Gate.Use context = lifetime.Hold(); // the rows of a pass are read after it
            Step();
        }
        finally
        {
            foreach (Request request in _running) request.TellReader();
            EndStep();
        }
    }

    // False when the request has something for its reader, or, for none, when there is no request; true when this thread is to drive one. A step
    // also tells the reader of a request that was cancelled since the last one.
    private bool BeginStep(Request? request)
    {
        lock (_gate)
        {
            if (_driver == Environment.CurrentManagedThreadId)
                throw new EdgeLlmException(ErrorCode.Busy, "a forward pass is under way in this context: its callbacks cannot read from it");
            if (request is { IsReady: false }) WaitForDriver(request);
            while (request is null && _driver != 0) Monitor.Wait(_gate);
            if (request is null ? _requests.Count == 0 : request.IsReady) return false;
            _driver = Environment.CurrentManagedThreadId;
            _running.Clear();
            _running.AddRange(_requests);
            return true;
        }
    }

    // Until it has something for its reader, or nobody else drives. A pass that goes on for others does not keep a cancelled one.
    private void WaitForDriver(Request request)
    {
        // On another thread: who disposes of a linked source waits for its callbacks, and may hold this lock.
        CancellationTokenRegistration wake = request.Cancellation.UnsafeRegister(
            static scheduler => ThreadPool.UnsafeQueueUserWorkItem(static waked => waked.Wake(), (Scheduler)scheduler!, preferLocal: false), this);
        while (!request.IsReady && !request.EndsEarly() && (_driver != 0 || HasThread)) Monitor.Wait(_gate);
        wake.Unregister();
    }

    private void Wake()
    {
        lock (_gate) Monitor.PulseAll(_gate);
    }

    private void EndStep()
    {
        lock (_gate)
        {
            _retired += _requests.RemoveAll(Retire);
            _driver = 0;
            Monitor.PulseAll(_gate);
        }
    }

    // One that is done gives back what it holds, once its reader was told or has left.
    private static bool Retire(Request request)
    {
        if (!request.IsDone || !(request.IsOver || request.HasLeft)) return false;
        request.Release();
        return true;
    }
}
