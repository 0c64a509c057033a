using System.Diagnostics;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Scheduling;

/// <summary>Requests of all kinds for half an hour, read to their end, cancelled, disposed of halfway or forgotten: nothing is left of them.</summary>
[TestClass]
public sealed class EnduranceTests
{
    private const int Requests = 24, Readers = 2;

    private static readonly string[] s_models = ["llama", "gemma3", "qwen35", "mamba2"];

    public TestContext TestContext { get; set; } = null!;

    // What a round leaves behind, after a collection.
    private sealed record Level(long Managed, long Cache, int Threads);

    [TestMethod]
    public async Task MemoryBlocksAndThreadsKeepTheirLevel()
    {
        var served = new List<Served>();
        var levels = new List<Level>();
        var random = new Random(1);
        var elapsed = Stopwatch.StartNew();
        try
        {
            foreach (string name in s_models) served.Add(new Served(name));
            while (Settings.Full ? elapsed.Elapsed < Settings.LoadTime : levels.Count < 2)
            {
                foreach (Served each in served) await each.Round(random);
                levels.Add(Measure(served));
            }
        }
        finally
        {
            foreach (Served each in served) each.Dispose();
        }
        Level first = levels[levels.Count / 3], last = levels[^1];
        TestContext.WriteLine($"{levels.Count} rounds of {s_models.Length * Requests} requests in {elapsed.Elapsed}; after a third {first}, at the end {last}");
        if (!Settings.Full) return;
        // The index of shared beginnings grows and is swept, so the lowest of many rounds is compared.
        int third = levels.Count / 3;
        long before = levels[third..(2 * third)].Min(level => level.Managed), after = levels[(2 * third)..].Min(level => level.Managed);
        Assert.IsLessThan(before + (before / 20), after, $"managed memory in {levels.Count} rounds: lowest of the second third {before}, of the last {after}");
        Assert.AreEqual(first.Cache, last.Cache, "the caches have their full size, and no more");
        Assert.IsLessThanOrEqualTo(first.Threads + 2, last.Threads);
    }

    private static Level Measure(List<Served> served)
    {
        using var process = Process.GetCurrentProcess();
        return new Level(GC.GetTotalMemory(forceFullCollection: true), served.Sum(each => each.CacheBytes), process.Threads.Count);
    }

    private sealed class Served : IDisposable
    {
        private readonly LanguageModel _model, _draft;
        private readonly Context _context;
        private readonly int _free;

        public Served(string name)
        {
            byte[] file = ModelSpecFile.Make(name, withTokens: true);
            (_model, _draft) = (LanguageModel.Open(file), LanguageModel.Open(file));
            _context = _model.CreateContext(
                new ContextOptions { Threads = 1, ContextSize = 192, MaxSequences = 3, BatchSize = 96, Lookup = true, DraftTokens = 4 }, _draft);
            _free = _context.FreeCacheBlocks;
            if (name == "llama") _context.StartThread();
        }

        public long CacheBytes => _context.CacheBytes;

        public async Task Round(Random random)
        {
            var work = new Stack<(LoadTests.Work Work, int Kind)>(
                Enumerable.Range(0, Requests).Select(_ => (LoadTests.Make(random, _model.VocabSize), random.Next(8))));
            await Task.WhenAll(Enumerable.Range(0, Readers).Select(_ => Task.Run(() =>
            {
                while (true)
                {
                    (LoadTests.Work Work, int Kind) next;
                    lock (work)
                        if (!work.TryPop(out next)) return;
                    Read(next.Work, next.Kind);
                }
            })));
            for (int tries = 0; _context.FreeCacheBlocks != _free && tries < 100; tries++) // what was forgotten is collected
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                _context.Step();
            }
            Assert.AreEqual(_free, _context.FreeCacheBlocks, $"{_model.Architecture}: every block and state is free again");
            Assert.AreEqual(0, _context.Step(), "no request is left");
        }

        private void Read(LoadTests.Work work, int kind)
        {
            Generation generation = _context.Generate(work.Prompt, work.Options with { OnReady = kind == 1 ? () => { } : null });
            int read = 0;
            while (generation.MoveNext() && ++read < work.CancelAfter) { }
            if (kind == 0) generation.Cancel();
            while (kind == 0 && generation.MoveNext()) { }
            if (kind != 2) generation.Dispose(); // else it is forgotten
        }

        public void Dispose()
        {
            _context.Dispose();
            _draft.Dispose();
            _model.Dispose();
        }
    }
}
