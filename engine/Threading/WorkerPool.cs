using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Edge.Llm.Threading;

/// <summary>Work that splits into independent chunks: a struct, so that a run allocates nothing.</summary>
internal interface IParallelBody
{
    /// <summary>Does one chunk. <paramref name="worker"/> (0 is the caller of Run) tells whose working memory to use.</summary>
    void Run(int chunk, int worker);
}

/// <summary>Persistent threads that share the chunks of one run at a time. Chunks are claimed one by one (<see cref="ChunkRanges"/>), so a
/// thread that the system takes off its core, or a slower core, delays only the chunk it holds. Idle threads spin briefly, then sleep.</summary>
internal sealed unsafe partial class WorkerPool : IDisposable
{
    /// <summary>How long a thread looks for work before it sleeps: longer than the glue between two matmuls, far shorter than a
    /// time slice of a busy neighbour.</summary>
    private static readonly long s_spinTicks = Stopwatch.Frequency / 20_000; // 50 microseconds

    private readonly Thread[] _threads; // all but the thread that calls Run
    private readonly int _active; // threads that take part at a time
    private readonly object _gate = new();
    private readonly object _finished = new();

    // The run in progress. These fields are written before its chunks can be claimed and stay as they are until the last claimed chunk
    // is done, so a thread that holds a chunk reads its own run's. _run is its number, odd if it is redoable: a change tells idle threads of work.
    private readonly ChunkRanges _ranges;
    private int _run;
    private int _chunks;
    private int _chunksAtOnce; // more than one only where there are more chunks than can be claimed singly
    private int _pending;
    private void* _body;
    private delegate*<void*, int, int, void> _invoke;
    private Exception? _error;

    private int _sleepers; // written under _gate
    private int _callerSleeps;
    private bool _stopping;

    /// <summary>Starts the threads: the caller of Run is one of them. Where there are fewer processors, only as many threads take part at a
    /// time: more would wait for one another's cores.</summary>
    /// <param name="threads">Threads, the one that calls Run included.</param>
    /// <param name="processors">Processors at hand; 0: <see cref="CpuTopology.Processors"/>.</param>
    /// <exception cref="EdgeLlmException">InvalidArgument; OutOfMemory: the system starts no more threads.</exception>
    public WorkerPool(int threads, int processors = 0)
    {
        if (threads < 1) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"threads: expected at least 1, found {threads}");
        Threads = threads;
        _active = Math.Min(threads, processors > 0 ? processors : CpuTopology.Processors());
        _ranges = new ChunkRanges(_active);
        _jobs = GC.AllocateArray<byte>((1 + threads) * sizeof(Job), pinned: true);
        _copied = new int[16 * threads];
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => WorkerLoop(worker)) { IsBackground = true, Name = $"edge-llm {worker}" };
            try
            {
                _threads[i].Start();
            }
            catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
            {
                Array.Resize(ref _threads, i);
                Dispose();
                throw new EdgeLlmException(ErrorCode.OutOfMemory, $"cannot start thread {i + 2} of {threads}", e);
            }
        }
    }

    /// <summary>Threads that take part in a run, the caller included; workers are numbered 0..Threads-1.</summary>
    public int Threads { get; }

    /// <summary>Threads that sleep: for tests.</summary>
    internal int Sleepers => Volatile.Read(ref _sleepers);

    /// <summary>Runs all chunks and returns when they are done. One run at a time; not from inside a body.</summary>
    /// <exception cref="EdgeLlmException">Internal: a body threw; the first exception is inside.</exception>
    public void Run<TBody>(int chunks, ref TBody body) where TBody : struct, IParallelBody
    {
        Debug.Assert(_pending == 0, "a run is in progress");
        if (chunks <= 0) return;
        if (chunks == 1)
        {
            RunOne(ref body); // offered to all, it would often only move to another core's cache
            return;
        }
        TBody local = body; // on this stack, where the garbage collector does not move it
        _body = Unsafe.AsPointer(ref local);
        _invoke = &Invoke<TBody>;
        _chunks = chunks;
        _chunksAtOnce = ((chunks - 1) / ChunkRanges.MaxChunks) + 1;
        Begin(((chunks - 1) / _chunksAtOnce) + 1, NextRun(redoable: false));

        Work(0);
        if (Volatile.Read(ref _pending) != 0) AwaitOthers();
        body = local;
        _body = null;
        if (_error is not null) ThrowFailed(_error);
    }

    /// <summary>Runs all chunks on the calling thread, as worker 0: for work too small to share.</summary>
    public static void RunHere<TBody>(int chunks, ref TBody body) where TBody : struct, IParallelBody
    {
        for (int chunk = 0; chunk < chunks; chunk++) body.Run(chunk, 0);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }
        foreach (Thread thread in _threads) thread.Join();
    }

    private static void RunOne<TBody>(ref TBody body) where TBody : struct, IParallelBody
    {
        try
        {
            body.Run(0, 0);
        }
        catch (Exception e)
        {
            ThrowFailed(e);
        }
    }

    private static void Invoke<TBody>(void* body, int chunk, int worker) where TBody : struct, IParallelBody =>
        Unsafe.AsRef<TBody>(body).Run(chunk, worker);

    private int NextRun(bool redoable) => ((_run | 1) + 1) | (redoable ? 1 : 0);

    // Lets the others take part.
    private void Begin(int chunks, int run)
    {
        _error = null;
        _pending = chunks;
        _ranges.Share(chunks, run);
        Interlocked.Exchange(ref _run, run); // a full fence: a thread that goes to sleep now sees the work
        int wanted = Math.Min(chunks, _active);
        if (Threads - Volatile.Read(ref _sleepers) < wanted) Wake(wanted);
    }

    private void Work(int worker)
    {
        while (_ranges.TryClaim(worker, out int claimed, out int run))
        {
            if ((run & 1) != 0)
            {
                Attempt(claimed, worker, run);
                continue;
            }
            try
            {
                int chunk = claimed * _chunksAtOnce, end = Math.Min(_chunks, chunk + _chunksAtOnce);
                for (; chunk < end; chunk++) _invoke(_body, chunk, worker);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref _error, e, null);
            }
            Finish();
        }
    }

    // One chunk is done.
    private void Finish()
    {
        if (Interlocked.Decrement(ref _pending) == 0 && Volatile.Read(ref _callerSleeps) != 0)
            lock (_finished) Monitor.Pulse(_finished);
    }

    private void WorkerLoop(int worker)
    {
        int seen = 0;
        while (!Volatile.Read(ref _stopping))
        {
            if (!SpinUntilRun(seen)) SleepUntilRun(seen);
            seen = Volatile.Read(ref _run); // before the work: a run that begins meanwhile is not missed
            Work(worker);
        }
    }

    private bool SpinUntilRun(int seen)
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            for (int i = 0; i < 16; i++)
            {
                if (Volatile.Read(ref _run) != seen) return true;
                Thread.SpinWait(1);
            }
        }
        while (Stopwatch.GetTimestamp() - start < s_spinTicks);
        return false;
    }

    private void SleepUntilRun(int seen)
    {
        lock (_gate)
        {
            Interlocked.Increment(ref _sleepers); // a full fence before the run is read: see Begin
            if (Volatile.Read(ref _run) != seen || _stopping)
            {
                _sleepers--;
                return;
            }
            do Monitor.Wait(_gate);
            while (Volatile.Read(ref _run) == seen && !_stopping);
        }
    }

    // Until this number are awake. They are counted here: a thread that was about to sleep as the run began counted as a sleeper for a moment.
    private void Wake(int wanted)
    {
        lock (_gate)
        {
            for (int i = wanted - (Threads - _sleepers); i > 0; i--)
            {
                _sleepers--; // here, not when it runs: the next run must not wake another in its place
                Monitor.Pulse(_gate);
            }
        }
    }

    private void AwaitOthers()
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetTimestamp() - start < s_spinTicks)
        {
            for (int i = 0; i < 16; i++)
            {
                if (Volatile.Read(ref _pending) == 0) return;
                Thread.SpinWait(1);
            }
        }
        lock (_finished)
        {
            Interlocked.Exchange(ref _callerSleeps, 1); // a full fence before the count is read: see Finish
            while (Volatile.Read(ref _pending) != 0) Monitor.Wait(_finished);
            _callerSleeps = 0;
        }
    }

    private static void ThrowFailed(Exception error) =>
        throw new EdgeLlmException(ErrorCode.Internal, $"a worker failed: {error.Message}", error);
}
