using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Tests.Cache;

/// <summary>Groups of layers with blocks of their own: windows, values inside keys, freed blocks.</summary>
[TestClass]
public sealed unsafe class CacheGroupTests
{
    private const int Window = 100;

    private static readonly KvRows s_full = new(2, 32, 32), s_window = new(2, 32, 32, Window), s_latent = new(1, 96, 64, ValuesInKeys: true);

    [TestMethod]
    public void LayersOfEqualRowsAndWindowShareAGroup()
    {
        CacheLayout layout = Layout(s_full, s_window, s_full, s_window, s_latent);
        CollectionAssert.AreEqual((int[])[2, 2, 1], layout.Groups.Select(group => group.Shape.Layers).ToArray());
        CollectionAssert.AreEqual((int[])[0, 1, 0, 1, 2], Enumerable.Range(0, 5).Select(il => layout.Kv(il).Group).ToArray());
        Assert.AreEqual(layout.Groups[0].Shape.BlockBytes / 2, layout.Kv(2).KeyOffset);
        Assert.AreEqual(16, layout.Groups[0].Capacity, "1,000 tokens");
        Assert.AreEqual(5, layout.Groups[1].Capacity, "a window of 100 and a batch of 128, and one more");
    }

    [TestMethod]
    public void AValueMayBeTheBeginningOfItsKey()
    {
        KvLayer layer = Layout(s_latent).Kv(0);
        Assert.AreEqual((layer.KeyOffset, layer.KeyStride), (layer.ValueOffset, layer.ValueStride));
        Assert.AreEqual(64 * 96 * 2, Layout(s_latent).Groups[0].Shape.BlockBytes);
    }

    [TestMethod]
    public void AWindowGivesBackTheBlocksThatLieBehindIt()
    {
        using var cache = new KvCache(Layout(s_full, s_window));
        using Sequence sequence = cache.NewSequence();
        for (int length = 1; length <= 600; length++)
        {
            Grow(sequence, 1);
            int first = Math.Max(0, length + 1 - Window) / 64;
            Assert.AreEqual((first, (length + 63) / 64), (sequence.Table(1).First, sequence.Table(1).End), $"length {length}");
            Assert.AreEqual(cache.Groups[1].Capacity - ((length + 63) / 64) + first, cache.Groups[1].Free, $"length {length}");
            if (first > 0) Assert.IsTrue(sequence.Table(1).Addresses[first - 1] == null);
        }
        Assert.AreEqual(cache.Groups[0].Capacity - 10, cache.Groups[0].Free);
        sequence.Dispose();
        Assert.AreEqual((cache.Groups[0].Capacity, cache.Groups[1].Capacity), (cache.Groups[0].Free, cache.Groups[1].Free));
    }

    [TestMethod]
    public void TrimSaysHowMuchIsLeftWhereAWindowHasPassed()
    {
        using var cache = new KvCache(Layout(s_full, s_window));
        using Sequence sequence = cache.NewSequence();
        for (int i = 0; i < 5; i++) Grow(sequence, 100);
        Assert.AreEqual(490, sequence.Trim(490), "within the blocks that are left");
        Assert.AreEqual(490, sequence.Length);
        Assert.AreEqual(0, sequence.Trim(200), "what position 200 looks back to is gone");
        Assert.AreEqual((0, 0, 0), (sequence.Length, sequence.Table(0).End, sequence.Table(1).End));
        Grow(sequence, 90);
        Assert.AreEqual(10, sequence.Trim(10), "the window has not moved yet");
    }

    [TestMethod]
    public void AForkOfAWindowSharesWhatIsLeft()
    {
        using var cache = new KvCache(Layout(s_window));
        using Sequence original = cache.NewSequence();
        for (int i = 0; i < 3; i++) Grow(original, 100);
        int free = cache.Groups[0].Free;
        using (Sequence fork = original.Fork())
        {
            Assert.AreEqual(free, cache.Groups[0].Free);
            Assert.AreEqual(original.Table(0).First, fork.Table(0).First);
            Grow(fork, 1);
            Assert.AreEqual(free - 1, cache.Groups[0].Free, "the block written to is copied");
        }
        Assert.AreEqual(free, cache.Groups[0].Free);
    }

    [TestMethod]
    public void AFreedBlockKeepsItsIdentityUntilItIsAllocatedAgain()
    {
        using var pool = new BlockPool(256, 3);
        Block a = pool.Allocate(), b = pool.Allocate();
        (long idA, long idB) = (a.Identity, b.Identity);
        a.Memory.Data[5] = 42;
        pool.Release(a);
        pool.Release(b);
        Assert.IsTrue(pool.TryRevive(b, idB), "freed, and not reused yet");
        Assert.AreSame(a, pool.Allocate(), "the block that was freed first is reused first");
        Assert.AreNotEqual(idA, a.Identity);
        Assert.IsFalse(pool.TryRevive(a, idA), "it holds something else now");
        Assert.IsTrue(pool.TryRevive(b, idB), "a second holder");
        Assert.IsTrue(pool.IsShared(b));
        pool.Release(b);
        pool.Release(b);
        Assert.AreEqual(2, pool.Free);
    }

    [TestMethod]
    public void AClaimCountsAllGroupsOfAllItsSequences()
    {
        using var cache = new KvCache(Layout(s_full, s_window));
        using Sequence a = cache.NewSequence(), b = cache.NewSequence();
        var claim = new CacheClaim(cache);
        Assert.IsTrue(claim.TryAdd(a, 128));
        Assert.IsTrue(claim.TryAdd(b, 128));
        claim.Require();
        Assert.IsFalse(claim.TryAdd(a, 128), "five blocks of the window's group");
        claim.Add(a, 128);
        Assert.AreEqual(ErrorCode.ContextFull, Assert.ThrowsExactly<EdgeLlmException>(claim.Require).Code);
    }

    private static CacheLayout Layout(params KvRows[] layers) =>
        new([.. layers.Select(rows => new LayerMemory(rows))], new CacheSize(1000, 1, 128, KvType.F16, KvType.F16));

    internal static void Grow(Sequence sequence, int count)
    {
        sequence.Acquire();
        try
        {
            sequence.Reserve(count);
            sequence.Commit([.. Enumerable.Range(0, count)]);
        }
        finally
        {
            sequence.Release();
        }
    }
}
