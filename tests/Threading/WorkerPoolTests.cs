using Edge.Llm.Tests.Support;
using System.Diagnostics;
using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Threading;

[TestClass]
public sealed class WorkerPoolTests
{
    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(3)]
    [DataRow(16)]
    public void EveryChunkRunsOnceInEveryRun(int threads)
    {
        using var pool = new WorkerPool(threads, processors: threads);
        for (int run = 0; run < 500; run++)
        {
            var body = new CountingBody { Runs = new int[run % 70], Threads = threads };
            pool.Run(body.Runs.Length, ref body);
            CollectionAssert.AreEqual(Enumerable.Repeat(1, run % 70).ToArray(), body.Runs, $"run {run}");
        }
    }

    [TestMethod]
    public void RunsAfterTheThreadsWentToSleep()
    {
        using var pool = new WorkerPool(3, processors: 3);
        for (int run = 0; run < 20; run++)
        {
            Thread.Sleep(2);
            var body = new CountingBody { Runs = new int[64], Threads = 3 };
            pool.Run(64, ref body);
            Assert.IsTrue(body.Runs.All(runs => runs == 1));
        }
    }

    [TestMethod]
    public void AWorkerThatIsHeldUpDelaysOnlyItsChunk()
    {
        using var pool = new WorkerPool(2, processors: 2);
        using var held = new ManualResetEventSlim();
        var body = new HeldBody { Done = new int[100], Held = held };
        pool.Run(100, ref body); // chunk 0 waits until all others are done: one thread does all of them
        Assert.AreEqual(100, body.Done.Sum());
    }

    [TestMethod]
    public void WritesToTheBodyComeBack()
    {
        using var pool = new WorkerPool(4, processors: 4);
        var body = new MarkingBody();
        pool.Run(50, ref body);
        Assert.IsTrue(body.Seen);
    }

    [TestMethod]
    public void AnExceptionInABodyReachesTheCallerAndThePoolGoesOn()
    {
        using var pool = new WorkerPool(3, processors: 3);
        for (int run = 0; run < 20; run++)
        {
            var failing = new FailingBody();
            EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => pool.Run(10, ref failing));
            Assert.AreEqual(ErrorCode.Internal, error.Code);
            Assert.IsInstanceOfType<FormatException>(error.InnerException);
            var body = new CountingBody { Runs = new int[10], Threads = 3 };
            pool.Run(10, ref body);
            Assert.IsTrue(body.Runs.All(runs => runs == 1));
        }
    }

    [TestMethod]
    public void ManyPoolsLiveSideBySide()
    {
        Parallel.For(0, 8, _ =>
        {
            using var pool = new WorkerPool(3, processors: 3);
            for (int run = 0; run < 200; run++)
            {
                var body = new CountingBody { Runs = new int[9], Threads = 3 };
                pool.Run(9, ref body);
                Assert.IsTrue(body.Runs.All(runs => runs == 1));
            }
        });
    }

    [TestMethod]
    public void ARunAllocatesNothing()
    {
        using var pool = new WorkerPool(2, processors: 2);
        var body = new CountingBody { Runs = new int[4], Threads = 2 };
        pool.Run(4, ref body);
        Allocations.ComeToNothing(() => Allocations.Of(() =>
        {
            for (int run = 0; run < 100; run++) pool.Run(4, ref body);
        }));
    }

    [TestMethod]
    [DataRow(5, 1)]
    [DataRow(16, 3)]
    public void NoMoreThreadsTakePartThanThereAreProcessors(int threads, int processors)
    {
        using var pool = new WorkerPool(threads, processors);
        Assert.IsTrue(SpinWait.SpinUntil(() => pool.Sleepers == threads - 1, TimeSpan.FromSeconds(60)));
        for (int run = 0; run < 3000; run++)
        {
            // About as long as a thread looks for work: some are on their way to sleep as the next run begins.
            for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalMicroseconds < run % 100;) Thread.SpinWait(1);
            var body = new WorkersBody { Workers = new int[threads], Runs = new int[64] };
            pool.Run(64, ref body);
            Assert.IsTrue(body.Runs.All(runs => runs == 1), $"run {run}");
            Assert.IsLessThanOrEqualTo(processors, body.Workers.Count(seen => seen != 0), $"run {run}");
        }
    }

    [TestMethod]
    public void NoThreadsIsAnError() =>
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => new WorkerPool(0)).Code);

    private struct CountingBody : IParallelBody
    {
        public int[] Runs;
        public int Threads;

        public readonly void Run(int chunk, int worker)
        {
            if ((uint)worker >= (uint)Threads) throw new InvalidOperationException($"worker {worker}");
            Interlocked.Increment(ref Runs[chunk]);
        }
    }

    private struct WorkersBody : IParallelBody
    {
        public int[] Workers, Runs;

        public readonly void Run(int chunk, int worker)
        {
            Volatile.Write(ref Workers[worker], 1);
            Thread.SpinWait(50); // long enough for every thread that was woken to have its share
            Interlocked.Increment(ref Runs[chunk]);
        }
    }

    private struct HeldBody : IParallelBody
    {
        public int[] Done;
        public ManualResetEventSlim Held;

        public readonly void Run(int chunk, int worker)
        {
            if (chunk == 0 && !Held.Wait(TimeSpan.FromSeconds(60))) throw new TimeoutException();
            Interlocked.Increment(ref Done[chunk]);
            if (Done.Sum() == Done.Length - 1) Held.Set();
        }
    }

    private struct MarkingBody : IParallelBody
    {
        public bool Seen;

        public void Run(int chunk, int worker)
        {
            if (chunk == 37) Seen = true;
        }
    }

    private struct FailingBody : IParallelBody
    {
        public readonly void Run(int chunk, int worker)
        {
            if (chunk % 3 == 1) throw new FormatException("chunk");
        }
    }
}
