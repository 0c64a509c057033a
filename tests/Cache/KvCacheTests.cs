using Edge.Llm.Cache;
using Edge.Llm.Ops;

namespace Edge.Llm.Tests.Cache;

[TestClass]
public sealed unsafe class KvCacheTests
{
    private static readonly KvShape s_shape = new(Layers: 3, new KvRows(Heads: 2, KeyDim: 40, ValueDim: 24), KvType.F16, KvType.Q8_0);

    [TestMethod]
    public void LayersAndHeadsFillABlockWithoutOverlap()
    {
        long expected = 0;
        for (int il = 0; il < s_shape.Layers; il++)
        {
            KvLayer layer = s_shape.Layer(0, il);
            Assert.AreEqual(expected, layer.KeyOffset);
            Assert.AreEqual(64 * 64 * 2, layer.KeyHeadBytes, "40 values are padded to 64 halves");
            Assert.AreEqual(layer.KeyOffset + (2 * layer.KeyHeadBytes), layer.ValueOffset);
            Assert.AreEqual(64 * 34, layer.ValueHeadBytes, "24 values are one block of q8_0");
            expected = layer.ValueOffset + (2 * layer.ValueHeadBytes);
        }
        Assert.AreEqual(expected, s_shape.BlockBytes);
    }

    [TestMethod]
    public void BlocksAreTakenAsASequenceGrowsAndGivenBackWhenItShrinks()
    {
        using var cache = Cache(capacity: 4, maxLength: 1000);
        using Sequence sequence = cache.NewSequence();
        Grow(sequence, 64);
        Assert.AreEqual(3, cache.FreeBlocks);
        Grow(sequence, 1);
        Assert.AreEqual(2, cache.FreeBlocks);
        sequence.Trim(64);
        Assert.AreEqual(3, cache.FreeBlocks);
        Assert.AreEqual(64, sequence.Length);
        sequence.Trim(0);
        Assert.AreEqual(4, cache.FreeBlocks);
        Assert.AreEqual(0, sequence.Tokens.Length);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => sequence.Trim(1)).Code);
    }

    [TestMethod]
    public void AFullCacheAndAFullContextAreErrorsThatChangeNothing()
    {
        using var cache = Cache(capacity: 2, maxLength: 100);
        using Sequence a = cache.NewSequence(), b = cache.NewSequence();
        Grow(a, 100);
        Assert.AreEqual(ErrorCode.ContextFull, Assert.ThrowsExactly<EdgeLlmException>(() => a.Reserve(1)).Code, "the context is full");
        EdgeLlmException full = Assert.ThrowsExactly<EdgeLlmException>(() => b.Reserve(1));
        Assert.AreEqual(ErrorCode.ContextFull, full.Code, "the cache is full");
        Assert.AreEqual((100, 0), (a.Length, b.Length));
        a.Dispose();
        b.Reserve(100);
        Assert.AreEqual(0, cache.FreeBlocks);
    }

    [TestMethod]
    public void AForkSharesUntilOneOfTheTwoWrites()
    {
        using var cache = Cache(capacity: 10, maxLength: 1000);
        using Sequence original = cache.NewSequence();
        Grow(original, 100);
        original.Table(0).Addresses[1][7] = 42;
        using Sequence fork = original.Fork();
        Assert.AreEqual(8, cache.FreeBlocks, "nothing was copied");
        Assert.AreEqual(100, fork.Length);
        Assert.IsTrue(fork.Table(0).Addresses[0] == original.Table(0).Addresses[0] && fork.Table(0).Addresses[1] == original.Table(0).Addresses[1]);

        Grow(fork, 1);
        Assert.AreEqual(7, cache.FreeBlocks, "one block was copied");
        Assert.IsTrue(fork.Table(0).Addresses[0] == original.Table(0).Addresses[0]);
        Assert.IsFalse(fork.Table(0).Addresses[1] == original.Table(0).Addresses[1]);
        Assert.AreEqual(42, fork.Table(0).Addresses[1][7]);

        byte* own = original.Table(0).Addresses[1];
        Grow(original, 1);
        Assert.IsTrue(own == original.Table(0).Addresses[1], "who holds a block alone writes in place");
        original.Dispose();
        Assert.AreEqual(8, cache.FreeBlocks, "the fork still holds two");
    }

    [TestMethod]
    public void AForkAtABlockBoundarySharesForGood()
    {
        using var cache = Cache(capacity: 10, maxLength: 1000);
        using Sequence original = cache.NewSequence();
        Grow(original, 128);
        using Sequence fork = original.Fork();
        Grow(fork, 1);
        Grow(original, 1);
        Assert.IsTrue(fork.Table(0).Addresses[1] == original.Table(0).Addresses[1]);
        Assert.AreEqual(6, cache.FreeBlocks);
    }

    [TestMethod]
    public void AForkTrimmedIntoASharedBlockCopiesItToo()
    {
        using var cache = Cache(capacity: 10, maxLength: 1000);
        using Sequence original = cache.NewSequence();
        Grow(original, 128);
        using Sequence fork = original.Fork();
        fork.Trim(70);
        Assert.AreEqual(1, fork.Table(0).BlocksNeeded(fork.Length, 1));
        Grow(fork, 1);
        Assert.IsFalse(fork.Table(0).Addresses[1] == original.Table(0).Addresses[1]);
        Assert.AreEqual(7, cache.FreeBlocks);
    }

    [TestMethod]
    public void ReferencesNeverLeakNorRunShort()
    {
        var random = new Random(1);
        using var cache = Cache(capacity: 40, maxLength: 500);
        var sequences = new List<Sequence> { cache.NewSequence() };
        for (int step = 0; step < 3000; step++)
        {
            Sequence sequence = sequences[random.Next(sequences.Count)];
            switch (random.Next(5))
            {
                case 0 when sequences.Count < 12: sequences.Add(sequence.Fork()); break;
                case 1: sequence.Trim(random.Next(sequence.Length + 1)); break;
                case 2 when sequences.Count > 1:
                    sequences.Remove(sequence);
                    sequence.Dispose();
                    break;
                default:
                    int count = random.Next(1, 100);
                    try
                    {
                        Grow(sequence, count);
                    }
                    catch (EdgeLlmException e) when (e.Code == ErrorCode.ContextFull)
                    {
                    }
                    break;
            }
            var held = new HashSet<nint>();
            foreach (Sequence s in sequences)
                for (int i = 0; i < KvShape.Blocks(s.Length); i++)
                    held.Add((nint)s.Table(0).Addresses[i]);
            Assert.AreEqual(40 - held.Count, cache.FreeBlocks, $"step {step}");
        }
        foreach (Sequence sequence in sequences) sequence.Dispose();
        Assert.AreEqual(40, cache.FreeBlocks);
    }

    // A pool of a size, whatever the sequences' length says.
    private static KvCache Cache(int capacity, int maxLength) =>
        new(new CacheLayout(s_shape, capacity, new CacheSize(maxLength, 1, 512, KvType.F16, KvType.Q8_0)));

    private static void Grow(Sequence sequence, int count)
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
