using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

[TestClass]
public sealed class SequenceStateTests
{
    private const int TokenCountOffset = 20, HeaderBytes = 44 + 24;

    [TestMethod]
    [DataRow(KvType.F16, KvType.F16, 1)]
    [DataRow(KvType.F32, KvType.Q8_0, 64)]
    [DataRow(KvType.Q8_0, KvType.F32, 150)]
    [DataRow(KvType.BF16, KvType.Q5_1, 70)]
    [DataRow(KvType.Q5_0, KvType.Q4_1, 70)]
    [DataRow(KvType.Q4_0, KvType.IQ4_NL, 70)]
    [DataRow(KvType.F16, KvType.F16, 0)]
    public void ALoadedSequenceGoesOnWithTheSameBits(KvType typeK, KvType typeV, int length)
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        var options = new ContextOptions { Threads = 1, TypeK = typeK, TypeV = typeV };
        using Context context = model.CreateContext(options), other = model.CreateContext(options);
        using Sequence sequence = context.NewSequence(), loaded = other.NewSequence();
        Forward(other, loaded, 100); // is replaced
        if (length > 0) Forward(context, sequence, length);

        byte[] state = Save(context, sequence);
        Assert.AreEqual(Context.SavedBytes(sequence), state.Length);
        other.Load(loaded, new MemoryStream(state));
        CollectionAssert.AreEqual(sequence.Tokens.ToArray(), loaded.Tokens.ToArray());
        CollectionAssert.AreEqual(Forward(context, sequence, 3), Forward(other, loaded, 3));
        CollectionAssert.AreEqual(Save(context, sequence), Save(other, loaded), "and is saved as the same bytes");
    }

    [TestMethod]
    public void EveryFlippedBitAndEveryTruncationIsAnError()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        using Sequence sequence = context.NewSequence(), loaded = context.NewSequence();
        Forward(context, sequence, 5);
        byte[] state = Save(context, sequence);
        var random = new Random(1);
        int[] places = [.. Enumerable.Range(0, HeaderBytes + 40), .. Enumerable.Range(0, 300).Select(_ => random.Next(state.Length)), state.Length - 1];
        foreach (int place in places)
        {
            byte[] damaged = [.. state];
            damaged[place] ^= (byte)(1 << random.Next(8));
            Refuses(context, loaded, damaged, place.ToString());
            Refuses(context, loaded, state[..place], $"{place} bytes");
        }
        context.Load(loaded, new MemoryStream(state));
        Assert.AreEqual(5, loaded.Length);
    }

    [TestMethod]
    [DataRow(KvType.F16)]
    [DataRow(KvType.F32)]
    [DataRow(KvType.Q8_0)]
    [DataRow(KvType.BF16)]
    [DataRow(KvType.Q5_1)]
    [DataRow(KvType.IQ4_NL)]
    public void NumbersThatAreNotFiniteNeverEnterTheCache(KvType type)
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, TypeK = type, TypeV = type });
        using Sequence sequence = context.NewSequence(), loaded = context.NewSequence(), next = context.NewSequence();
        Forward(context, sequence, 5);
        float[] expected = Forward(context, next, 3);
        next.Trim(0);
        byte[] state = Save(context, sequence);
        state.AsSpan(HeaderBytes + (5 * sizeof(int)), 8).Fill(0xff); // NaN, or a NaN scale
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => context.Load(loaded, new MemoryStream(state)));
        Assert.AreEqual(ErrorCode.InvalidFile, error.Code);
        StringAssert.Contains(error.Message, "finite");
        CollectionAssert.AreEqual(expected, Forward(context, next, 3), "the block that was read into serves others");
    }

    [TestMethod]
    public void StatesOfOtherModelsTypesAndSizesAreErrors()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using var wider = new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0);
        using var tuned = new TinyModel(GgmlType.F32, GgmlType.F32);
        byte[] bytes = File.ReadAllBytes(tuned.File);
        bytes[^100] ^= 1; // one weight of the last tensor: within the sample that tells models apart
        File.WriteAllBytes(tuned.File, bytes);
        using LanguageModel model = LanguageModel.Open(file.File), otherShape = LanguageModel.Open(wider.File), otherWeights = LanguageModel.Open(tuned.File);
        using LanguageModel otherRope = LanguageModel.Open(file.File, new ModelOptions { RopeFreqBase = 500 });
        var options = new ContextOptions { Threads = 1 };
        using Context context = model.CreateContext(options);
        using Sequence sequence = context.NewSequence();
        Forward(context, sequence, 70);
        byte[] state = Save(context, sequence);

        foreach (LanguageModel other in new[] { otherShape, otherRope }) Assert.AreEqual(ErrorCode.InvalidArgument, LoadCode(other, options, state));
        Assert.AreEqual(ErrorCode.InvalidArgument, LoadCode(model, options with { TypeV = KvType.F32 }, state));
        Assert.AreEqual(ErrorCode.ContextFull, LoadCode(model, options with { ContextSize = 69 }, state));
        Assert.AreEqual(ErrorCode.ContextFull, LoadCode(model, options with { ContextSize = 64, MaxSequences = 1 }, state));
        state[TokenCountOffset + 3] = 0x80;
        Assert.AreEqual(ErrorCode.InvalidFile, LoadCode(model, options, state), "a negative number of tokens");
    }

    [TestMethod]
    public void TheSequenceMustBeTheContextsOwn()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 }), other = model.CreateContext(new ContextOptions { Threads = 1 });
        using Sequence sequence = context.NewSequence();
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => other.Save(sequence, Stream.Null)).Code);
        Assert.AreEqual(ErrorCode.InvalidArgument, Assert.ThrowsExactly<EdgeLlmException>(() => other.Load(sequence, Stream.Null)).Code);
    }

    private static void Refuses(Context context, Sequence sequence, byte[] state, string what)
    {
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => context.Load(sequence, new MemoryStream(state)), what);
        Assert.IsTrue(error.Code is ErrorCode.InvalidFile or ErrorCode.InvalidArgument or ErrorCode.Unsupported or ErrorCode.ContextFull, $"{what}: {error}");
        Assert.AreEqual(0, sequence.Length, what);
    }

    private static ErrorCode LoadCode(LanguageModel model, ContextOptions options, byte[] state)
    {
        using Context context = model.CreateContext(options);
        using Sequence sequence = context.NewSequence();
        return Assert.ThrowsExactly<EdgeLlmException>(() => context.Load(sequence, new MemoryStream(state))).Code;
    }

    private static byte[] Save(Context context, Sequence sequence)
    {
        using var stream = new MemoryStream();
        context.Save(sequence, stream);
        return stream.ToArray();
    }

    private static float[] Forward(Context context, Sequence sequence, int count)
    {
        var batch = new Batch();
        int start = sequence.Length;
        batch.Add(sequence, [.. Enumerable.Range(start, count).Select(i => 1 + (i * 37 % (TinyModel.Vocab - 1)))]);
        return context.Forward(batch)[0].ToArray();
    }
}
