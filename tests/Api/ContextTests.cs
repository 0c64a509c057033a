using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

/// <summary>Errors, plans and traces of a context over a small model.</summary>
[TestClass]
public sealed class ContextTests
{
    [TestMethod]
    public void BadBatchesAreErrorsThatChangeNothing()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 100, BatchSize = 80 });
        using Context other = model.CreateContext(new ContextOptions { Threads = 1, ContextSize = 64 });
        using Sequence sequence = context.NewSequence(), foreign = other.NewSequence();

        Assert.AreEqual(ErrorCode.InvalidArgument, Fails(context, new Batch()));
        Assert.AreEqual(ErrorCode.InvalidArgument, Fails(context, Batch(sequence, 81)));
        Assert.AreEqual(ErrorCode.InvalidArgument, Fails(context, Batch(foreign, 1)));
        Assert.AreEqual(ErrorCode.InvalidArgument, Fails(context, Batch(sequence, 1, TinyModel.Vocab)));
        Assert.AreEqual(ErrorCode.InvalidArgument, Fails(context, Batch(sequence, 1, -1)));
        var logits = new Batch();
        logits.Add(sequence, 1, true);
        logits.Add(sequence, 1, true);
        Assert.AreEqual(ErrorCode.InvalidArgument, Fails(context, logits), "one row of logits a sequence unless more are asked for");

        context.Forward(Batch(sequence, 80));
        Assert.AreEqual(ErrorCode.ContextFull, Fails(context, Batch(sequence, 21)));
        Assert.AreEqual(80, sequence.Length);
        context.Forward(Batch(sequence, 20));
        Assert.AreEqual(100, sequence.Length);
        using Sequence second = context.NewSequence();
        Assert.AreEqual(ErrorCode.ContextFull, Fails(context, Batch(second, 1)), "no block is left");
    }

    [TestMethod]
    public void CancellationIsSeenBeforeALayerAndLeavesTheSequenceAsItWas()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        using Sequence sequence = context.NewSequence();
        float[] expected = context.Forward(Batch(sequence, 10))[0].ToArray();
        sequence.Trim(0);

        using var source = new CancellationTokenSource();
        context.Cpu.Tracer = (name, layer, _) =>
        {
            if (name == "l_out" && layer == 0) source.Cancel();
        };
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => { context.Forward(Batch(sequence, 10), source.Token); });
        Assert.AreEqual(ErrorCode.Cancelled, error.Code);
        Assert.AreEqual(0, sequence.Length);
        context.Cpu.Tracer = null;
        CollectionAssert.AreEqual(expected, context.Forward(Batch(sequence, 10))[0].ToArray());
    }

    [TestMethod]
    public void AContextThatCannotFitFailsEarlyWithThePlan()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        var options = new ContextOptions { Threads = 1, ContextSize = int.MaxValue / 2, MaxSequences = 2 };
        EdgeLlmException e = Assert.ThrowsExactly<EdgeLlmException>(() => model.CreateContext(options));
        Assert.AreEqual(ErrorCode.OutOfMemory, e.Code);
        StringAssert.Contains(e.Message, $"{model.Plan(options).KvCache} of KV cache");
    }

    [TestMethod]
    public void AForwardPassInsideAnotherIsAnError()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        using Sequence sequence = context.NewSequence();
        var codes = new List<ErrorCode>();
        context.Cpu.Tracer = (name, _, _) =>
        {
            if (name != "inp_embd") return;
            codes.Add(Fails(context, Batch(sequence, 1)));
            context.Dispose(); // it takes effect when the pass has ended
        };
        context.Forward(Batch(sequence, 1));
        CollectionAssert.AreEqual(new[] { ErrorCode.Busy }, codes);
        Assert.AreEqual(1, sequence.Length);
        Assert.ThrowsExactly<ObjectDisposedException>(() => { context.Forward(Batch(sequence, 1)); });
    }

    [TestMethod]
    public void WhatAPassUsesStaysUntilItHasEnded()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 2, ContextSize = 128, MaxSequences = 2 });
        Sequence sequence = context.NewSequence();
        float[] expected;
        using (Sequence other = context.NewSequence()) expected = context.Forward(Batch(other, 9))[0].ToArray();
        var codes = new List<ErrorCode>();
        context.Cpu.Tracer = (name, _, _) =>
        {
            if (name != "inp_embd") return;
            codes.Add(Assert.ThrowsExactly<EdgeLlmException>(() => sequence.Trim(0)).Code);
            codes.Add(Assert.ThrowsExactly<EdgeLlmException>(() => sequence.Fork()).Code);
            sequence.Dispose();
            model.Dispose();
            model.Dispose();
            Assert.AreEqual(3, context.FreeCacheBlocks);
        };
        CollectionAssert.AreEqual(expected, context.Forward(Batch(sequence, 9))[0].ToArray());
        CollectionAssert.AreEqual(new[] { ErrorCode.Busy, ErrorCode.Busy }, codes);
        Assert.AreEqual(4, context.FreeCacheBlocks, "the sequence has gone");
        Assert.ThrowsExactly<ObjectDisposedException>(() => model.File.CheckUnchanged(), "and so has the file");
        using Sequence next = context.NewSequence();
        Assert.ThrowsExactly<ObjectDisposedException>(() => { context.Forward(Batch(next, 1)); });
    }

    [TestMethod]
    [DataRow(GgmlType.F32, "layer 0")]
    [DataRow(GgmlType.Q8_0, "blk.0.attn_q.weight")]
    public void NonFiniteValuesEndTheRequestAndNameTheirPlace(GgmlType type, string place)
    {
        using var file = new TinyModel(type, type);
        byte[] bytes = File.ReadAllBytes(file.File);
        using (GgufFile gguf = GgufFile.Open(bytes))
            BitConverter.TryWriteBytes(bytes.AsSpan(Offset(gguf, "blk.0.attn_norm.weight", bytes)), float.NaN);
        File.WriteAllBytes(file.File, bytes);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 2 });
        using Sequence sequence = context.NewSequence();
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => { context.Forward(Batch(sequence, 9)); });
        Assert.AreEqual(ErrorCode.NonFinite, error.Code);
        Assert.Contains(place, error.Message);
        Assert.AreEqual(0, sequence.Length);
    }

    [TestMethod]
    public void NonFiniteLogitsNameTheirRow()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        byte[] bytes = File.ReadAllBytes(file.File);
        using (GgufFile gguf = GgufFile.Open(bytes))
            BitConverter.TryWriteBytes(bytes.AsSpan(Offset(gguf, "output_norm.weight", bytes)), float.PositiveInfinity);
        File.WriteAllBytes(file.File, bytes);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        using Sequence sequence = context.NewSequence();
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => { context.Forward(Batch(sequence, 9)); });
        Assert.AreEqual(ErrorCode.NonFinite, error.Code);
        Assert.Contains("result_output", error.Message);
        Assert.Contains("row 8", error.Message);
    }

    [TestMethod]
    public void ThePlanIsWhatIsAllocated()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0);
        using LanguageModel model = LanguageModel.Open(file.File);
        var options = new ContextOptions { Threads = 3, ContextSize = 130, MaxSequences = 2, TypeV = KvType.Q8_0, BatchSize = 32 };
        MemoryPlan plan = model.Plan(options);
        Assert.AreEqual(new FileInfo(file.File).Length, plan.Weights);
        Assert.AreEqual(2 * 3 * 64 * TinyModel.Layers * TinyModel.HeadsKv * ((64 * 2) + (2 * 34)), plan.KvCache);
        using Context context = model.CreateContext(options);
        Assert.AreEqual(context.ActivationBytes, plan.Activations);
        Assert.AreEqual(plan.Weights + plan.KvCache + plan.Activations, plan.Total);
        Assert.IsGreaterThan(plan.Activations, model.Plan(options with { BatchSize = 33 }).Activations);
    }

    [TestMethod]
    public void DecodingAllocatesNoManagedMemory()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 2 });
        Allocations.ComeToNothing(() =>
        {
            using Sequence sequence = context.NewSequence();
            context.Forward(Batch(sequence, 80));
            Batch next = Batch(sequence, 1);
            for (int i = 0; i < 10; i++) context.Forward(next);
            return Allocations.Of(() =>
            {
                for (int i = 0; i < 30; i++) context.Forward(next);
            });
        });
    }

    [TestMethod]
    public void TracesCarryTheNamesOfLlamaCpp()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 1 });
        using Sequence sequence = context.NewSequence();
        var names = new List<string>();
        context.Cpu.Tracer = (name, layer, tensor) => names.Add($"{name}:{layer}:{tensor.Count}x{tensor.Width}");
        context.Forward(Batch(sequence, 5));
        Assert.AreEqual("inp_embd:-1:5x72", names[0]);
        string layer0 = "attn_norm:0:5x72 Qcur:0:5x240 Kcur:0:5x80 Vcur:0:5x80 kqv_out:0:5x240 attn_out:0:5x72 ffn_inp:0:5x72 ffn_norm:0:5x72 ffn_out:0:5x72 l_out:0:5x72";
        Assert.AreEqual(layer0, string.Join(' ', names[1..11]));
        Assert.AreEqual("result_norm:-1:1x72 result_output:-1:1x131", string.Join(' ', names[^2..]));
    }

    [TestMethod]
    [DataRow("ContextSize")]
    [DataRow("BatchSize")]
    [DataRow("Threads")]
    [DataRow("MaxSequences")]
    public void OptionsOutOfRangeAreErrors(string option)
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        ContextOptions options = option switch
        {
            "ContextSize" => new() { ContextSize = -2 },
            "BatchSize" => new() { BatchSize = 0 },
            "Threads" => new() { Threads = -2 },
            _ => new() { MaxSequences = 0 },
        };
        EdgeLlmException error = Assert.ThrowsExactly<EdgeLlmException>(() => model.CreateContext(options));
        Assert.AreEqual(ErrorCode.InvalidArgument, error.Code);
        Assert.Contains(option, error.Message);
    }

    private static ErrorCode Fails(Context context, Batch batch) =>
        Assert.ThrowsExactly<EdgeLlmException>(() => { context.Forward(batch); }).Code;

    private static Batch Batch(Sequence sequence, int count, int token = 3)
    {
        var batch = new Batch();
        batch.Add(sequence, Enumerable.Repeat(token, count).ToArray());
        return batch;
    }

    // Where a tensor's data begin in the bytes of its file.
    private static unsafe int Offset(GgufFile gguf, string name, byte[] bytes)
    {
        Tensor last = gguf.Tensors[^1];
        long padding = (32 - (last.Bytes % 32)) % 32;
        return (int)(gguf.GetTensor(name).Data - last.Data + bytes.Length - padding - last.Bytes);
    }
}
