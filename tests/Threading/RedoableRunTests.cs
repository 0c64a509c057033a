using Edge.Llm.Tests.Support;
using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Threading;

[TestClass]
public sealed unsafe class RedoableRunTests
{
    private const int Chunks = 40;

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(5)]
    [DataRow(16)]
    public void EveryChunkIsPublishedOnceInEveryRun(int threads)
    {
        using var pool = new WorkerPool(threads, processors: threads);
        int* published = stackalloc int[700], held = stackalloc int[threads];
        for (int run = 0; run < 1000; run++)
        {
            int chunks = 1 + (run % 700);
            new Span<int>(published, 700).Clear();
            pool.RunRedoable(chunks, new Body { Published = published, Held = held });
            for (int i = 0; i < 700; i++) Assert.AreEqual(i < chunks ? Body.Value(i) : 0, published[i], $"run {run}, chunk {i}");
        }
    }

    [TestMethod]
    public void AWorkerThatIsHeldUpDelaysNothingAndChangesNothingLater()
    {
        s_isHeld.Reset();
        s_goOn.Reset();
        using var pool = new WorkerPool(2, processors: 2);
        int* published = stackalloc int[Chunks], held = stackalloc int[2];
        var body = new Body { Published = published, Held = held, Holds = true };
        // The other thread stops in its first chunk, and these runs end without it.
        do
        {
            new Span<int>(published, Chunks).Clear();
            pool.RunRedoable(Chunks, body);
            AssertPublished(published);
        }
        while (!s_isHeld.IsSet);
        for (int run = 0; run < 20; run++)
        {
            new Span<int>(published, Chunks).Clear();
            pool.RunRedoable(Chunks, body with { Holds = false });
            AssertPublished(published);
        }

        // Its result comes too late: nothing of it is seen, in this run or those after.
        new Span<int>(published, Chunks).Clear();
        s_goOn.Set();
        for (int run = 0; run < 200; run++) pool.RunRedoable(Chunks, body with { Holds = false });
        for (int i = 0; i < Chunks; i++) Assert.AreEqual(200 * Body.Value(i), published[i], $"chunk {i}");
    }

    [TestMethod]
    public void PlainRunsFollowWhileAWorkerIsLate()
    {
        s_isHeld.Reset();
        s_goOn.Reset();
        using var pool = new WorkerPool(3, processors: 3);
        int* published = stackalloc int[Chunks], held = stackalloc int[3];
        do pool.RunRedoable(Chunks, new Body { Published = published, Held = held, Holds = true });
        while (!s_isHeld.IsSet);
        for (int run = 0; run < 50; run++)
        {
            var plain = new CountingBody { Runs = new int[64] };
            pool.Run(64, ref plain);
            Assert.IsTrue(plain.Runs.All(runs => runs == 1), $"run {run}");
            if (run == 25) s_goOn.Set();
        }
    }

    [TestMethod]
    public void AnExceptionReachesTheCallerAndThePoolGoesOn()
    {
        using var pool = new WorkerPool(3, processors: 3);
        int* published = stackalloc int[Chunks], held = stackalloc int[3];
        for (int run = 0; run < 20; run++)
        {
            EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(
                () => pool.RunRedoable(Chunks, new Body { Published = published, Held = held, Fails = true }));
            Assert.IsInstanceOfType<FormatException>(error.InnerException);
            new Span<int>(published, Chunks).Clear();
            pool.RunRedoable(Chunks, new Body { Published = published, Held = held });
            AssertPublished(published);
        }
    }

    [TestMethod]
    public void ARunAllocatesNothing()
    {
        using var pool = new WorkerPool(2, processors: 2);
        int* published = stackalloc int[Chunks], held = stackalloc int[2];
        var body = new Body { Published = published, Held = held };
        pool.RunRedoable(Chunks, body);
        Allocations.ComeToNothing(() => Allocations.Of(() =>
        {
            for (int run = 0; run < 100; run++) pool.RunRedoable(Chunks, body);
        }));
    }

    private static readonly ManualResetEventSlim s_isHeld = new(), s_goOn = new();

    private static void AssertPublished(int* published)
    {
        for (int i = 0; i < Chunks; i++) Assert.AreEqual(Body.Value(i), published[i], $"chunk {i}");
    }

    private struct Body : IRedoableBody
    {
        public int* Published; // by chunk
        public int* Held;      // by worker: its result
        public bool Holds, Fails;

        public static int Value(int chunk) => 1 + (chunk * 7919);

        public readonly void Compute(int chunk, int worker)
        {
            if (Fails && chunk % 3 == 1) throw new FormatException("chunk");
            if (Holds && worker == 1)
            {
                s_isHeld.Set();
                if (!s_goOn.Wait(TimeSpan.FromSeconds(60))) throw new TimeoutException();
            }
            Held[worker] = Value(chunk);
        }

        public readonly void Publish(int chunk, int worker) => Interlocked.Add(ref Published[chunk], Held[worker]);
    }

    private struct CountingBody : IParallelBody
    {
        public int[] Runs;

        public readonly void Run(int chunk, int worker) => Interlocked.Increment(ref Runs[chunk]);
    }
}
