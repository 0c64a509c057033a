namespace Edge.Llm.Scheduling;

/// <content>A thread of its own that drives the steps, for programs whose readers have none to lend.</content>
internal sealed partial class Scheduler
{
    private Thread? _thread;
    private bool _closed;

    /// <summary>Starts the thread, unless it runs. From now on readers wait for it.</summary>
    public void StartThread()
    {
        lock (_gate)
        {
            if (_closed || _thread is not null) return;
            _thread = new Thread(DriveSteps) { Name = "edge-llm scheduler", IsBackground = true };
            _thread.Start();
        }
    }

    /// <summary>Ends the thread after the step under way.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }
    }

    private bool HasThread => _thread is not null && !_closed;

    private void DriveSteps()
    {
        while (WaitForRequests())
            try
            {
                StepForAll();
            }
            catch (EdgeLlmException e) when (e.Code == ErrorCode.Busy)
            {
                Thread.Sleep(1); // another call is under way in the context
            }
            catch (ObjectDisposedException)
            {
                Close();
            }
            catch (Exception e) // one that left this thread would end the process
            {
                FailAll(e);
            }
    }

    private bool WaitForRequests()
    {
        lock (_gate)
        {
            while (!_closed && _requests.Count == 0) Monitor.Wait(_gate);
            return !_closed;
        }
    }

    private void FailAll(Exception error)
    {
        Request[] failed;
        lock (_gate)
        {
            while (_driver != 0) Monitor.Wait(_gate); // a step that another thread drives
            failed = [.. _requests];
            foreach (Request request in failed)
            {
                request.Fail(error);
                request.Release();
            }
            _retired += failed.Length;
            _requests.Clear();
            Monitor.PulseAll(_gate);
        }
        foreach (Request request in failed) request.TellReader();
    }
}
