using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Edge.Llm.Threading;

/// <summary>Work whose chunks may be done twice, side by side, with the same result: first into the worker's own memory, then published.</summary>
internal interface IRedoableBody
{
    /// <summary>Does a chunk and leaves the result in the worker's memory. What it reads may be overwritten meanwhile: the result is dropped
    /// then.</summary>
    void Compute(int chunk, int worker);

    /// <summary>Moves the result that the worker holds to where it belongs: called once for each chunk, and quick.</summary>
    void Publish(int chunk, int worker);
}

/// <content>Runs that do not wait for a worker that was taken off its core: the caller does that worker's chunk again, and the first of the
/// two publishes. The late worker finds the chunk done, perhaps many runs later, and drops what it has. It must not touch the caller's stack by
/// then, so the body is kept here, and a worker makes sure that it copied it while its run was live.</content>
internal sealed unsafe partial class WorkerPool
{
    private const int MaxBodyBytes = 1024;

    // State of a chunk, with the number of its run: a stale worker's compare-and-swap fails.
    private const long Open = 0, Publishing = 1, Done = 2;

    private readonly byte[] _jobs;         // [1 + Threads][sizeof(Job)], pinned: the live run's, then a copy for each worker
    private readonly int[] _copied;        // whose run the worker's copy is, 16 apart
    private long[] _marks = new long[256]; // by chunk: 4 * run + state
    private int _live;                     // the redoable run that is not over; 0: none

    private struct Job
    {
        public delegate*<void*, int, int, void> Compute, Publish;
        public fixed byte Body[MaxBodyBytes];
    }

    /// <summary>Runs all chunks, at most <see cref="ChunkRanges.MaxChunks"/>, and returns when all are published.</summary>
    /// <exception cref="EdgeLlmException">Internal: a body threw; the first exception is inside.</exception>
    public void RunRedoable<TBody>(int chunks, TBody body) where TBody : unmanaged, IRedoableBody
    {
        Debug.Assert(sizeof(TBody) <= MaxBodyBytes && chunks <= ChunkRanges.MaxChunks && _pending == 0);
        Job* job = JobOf(-1);
        job->Compute = &Compute<TBody>;
        job->Publish = &Publish<TBody>;
        *(TBody*)job->Body = body;
        int run = NextRun(redoable: true);
        if (_marks.Length < chunks) Array.Resize(ref _marks, Math.Max(chunks, 2 * _marks.Length));
        Array.Fill(_marks, Mark(run, Open), 0, chunks);
        Volatile.Write(ref _live, run);
        long start = Stopwatch.GetTimestamp();
        Begin(chunks, run);

        Work(0);
        if (Volatile.Read(ref _pending) != 0) RedoLate(chunks, run, start);
        Volatile.Write(ref _live, 0);
        Interlocked.MemoryBarrier(); // before the next run overwrites the body: see Attempt
        if (_error is not null) ThrowFailed(_error);
    }

    /// <summary>Does what other workers hold for longer than twice the time that a chunk took on average.</summary>
    private void RedoLate(int chunks, int run, long start)
    {
        long now = Stopwatch.GetTimestamp(), patience = 2 * (now - start) * Threads / chunks;
        while (Stopwatch.GetTimestamp() - now < patience)
        {
            if (Volatile.Read(ref _pending) == 0) return;
            Thread.SpinWait(1);
        }
        for (int chunk = 0; chunk < chunks; chunk++)
            if (Volatile.Read(ref _marks[chunk]) == Mark(run, Open))
                Attempt(chunk, 0, run);
        if (Volatile.Read(ref _pending) != 0) AwaitOthers(); // who is publishing
    }

    private void Attempt(int chunk, int worker, int run)
    {
        Job* job = JobOf(worker);
        if (_copied[16 * worker] != run)
        {
            *job = *JobOf(-1);
            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref _live) != run) return; // over: the copy may be of another
            _copied[16 * worker] = run;
        }
        Exception? error = null;
        try
        {
            job->Compute(job->Body, chunk, worker);
        }
        catch (Exception e)
        {
            error = e;
        }
        long[] marks = Volatile.Read(ref _marks);
        if (Interlocked.CompareExchange(ref marks[chunk], Mark(run, Publishing), Mark(run, Open)) != Mark(run, Open)) return;
        if (error is null) job->Publish(job->Body, chunk, worker);
        else Interlocked.CompareExchange(ref _error, error, null);
        Volatile.Write(ref marks[chunk], Mark(run, Done));
        Finish();
    }

    private Job* JobOf(int worker) => (Job*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_jobs)) + 1 + worker;

    private static long Mark(int run, long state) => (4L * run) + state;

    private static void Compute<TBody>(void* body, int chunk, int worker) where TBody : unmanaged, IRedoableBody =>
        Unsafe.AsRef<TBody>(body).Compute(chunk, worker);

    private static void Publish<TBody>(void* body, int chunk, int worker) where TBody : unmanaged, IRedoableBody =>
        Unsafe.AsRef<TBody>(body).Publish(chunk, worker);
}
