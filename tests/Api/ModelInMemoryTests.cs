using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

/// <summary>Models that are not files, and memory that runs out.</summary>
[TestClass]
public sealed unsafe class ModelInMemoryTests
{
    private static readonly int[] s_tokens = [3, 14, 15, 92, 65];

    [TestMethod]
    public void BytesAndBytesInPlaceGiveTheFilesLogits()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        byte[] bytes = File.ReadAllBytes(file.File);
        using var buffer = new AlignedBuffer(bytes.Length);
        bytes.CopyTo(new Span<byte>(buffer.Data, bytes.Length));
        int released = 0;
        using LanguageModel mapped = LanguageModel.Open(file.File), copied = LanguageModel.Open(bytes.AsMemory());
        LanguageModel inPlace = LanguageModel.Open(buffer.Data, bytes.Length, () => released++);
        Array.Clear(bytes); // the copy is a copy
        float[] expected = Logits(mapped);
        CollectionAssert.AreEqual(expected, Logits(copied));
        CollectionAssert.AreEqual(expected, Logits(inPlace));
        Assert.AreEqual(0, released);
        inPlace.Dispose();
        inPlace.Dispose();
        Assert.AreEqual(1, released);
    }

    [TestMethod]
    public void BytesThatAreNoModelAreReleasedAtOnce()
    {
        using var buffer = new AlignedBuffer(1000);
        int released = 0;
        Assert.AreEqual(ErrorCode.InvalidFile, Code(() => LanguageModel.Open(buffer.Data, 1000, () => released++)));
        Assert.AreEqual(1, released);
        Assert.AreEqual(ErrorCode.InvalidArgument, Code(() => LanguageModel.Open(buffer.Data + 8, 900, () => released++)));
        Assert.AreEqual(2, released);
        Assert.ThrowsExactly<ArgumentNullException>(() => LanguageModel.Open(null, 900, () => released++));
        Assert.AreEqual(3, released);
        Assert.AreEqual(ErrorCode.InvalidFile, Code(() => LanguageModel.Open(ReadOnlyMemory<byte>.Empty)));
    }

    [TestMethod]
    public void WhicheverAllocationFailsTheErrorIsTypedAndTheNextTryWorks()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0);
        float[] expected = Everything(file.File, out int allocations);
        Assert.IsGreaterThan(5, allocations);
        for (int failing = 0; failing < allocations; failing++)
        {
            int count = 0;
            AlignedBuffer.Refuses = _ => count++ == failing;
            try
            {
                Assert.AreEqual(ErrorCode.OutOfMemory, Code(() => Everything(file.File, out _)), $"allocation {failing}");
            }
            finally
            {
                AlignedBuffer.Refuses = null;
            }
            CollectionAssert.AreEqual(expected, Everything(file.File, out _));
        }
    }

    // Opens, runs, forks, embeds, saves and loads; counts the allocations unless somebody else watches them.
    private static float[] Everything(string path, out int allocations)
    {
        int count = 0;
        bool counts = AlignedBuffer.Refuses is null;
        if (counts)
            AlignedBuffer.Refuses = _ =>
            {
                count++;
                return false;
            };
        try
        {
            using LanguageModel model = LanguageModel.Open(path, new ModelOptions { UseMmap = false });
            using Context context = model.CreateContext(new ContextOptions { Threads = 2, MaxSequences = 3 });
            using var sequence = context.NewSequence();
            var batch = new Batch();
            batch.Add(sequence, s_tokens);
            context.Forward(batch);
            using var fork = sequence.Fork();
            context.Embed(s_tokens);
            using var state = new MemoryStream();
            context.Save(sequence, state);
            state.Position = 0;
            context.Load(fork, state);
            batch.Clear();
            batch.Add(fork, s_tokens);
            return context.Forward(batch)[0].ToArray();
        }
        finally
        {
            if (counts) AlignedBuffer.Refuses = null;
            allocations = count;
        }
    }

    private static float[] Logits(LanguageModel model)
    {
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        return context.AllLogits(s_tokens, 1);
    }

    private static ErrorCode Code(Action action) => Assert.ThrowsExactly<EdgeLlmException>(action).Code;
}
