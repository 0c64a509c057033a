using Edge.Llm.Cache;
using Edge.Llm.Models;
using Edge.Llm.Ops;
using Edge.Llm.Scheduling;
using Edge.Llm.Tests.Support;
using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Models;

/// <summary>Layers that remember a state of fixed size, tried with a mixer made for the purpose: y = s, s = s / 2 + h.</summary>
[TestClass]
public sealed unsafe class RecurrentMixerTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 300).Select(i => 3 + (i * 37 % (TinyModel.Vocab - 3)))];

    [TestMethod]
    public void BatchesAndNeighboursChangeNoBit()
    {
        using var run = new Run();
        float[] expected = run.Logits(300);
        foreach (int batch in new[] { 1, 7, 64 }) CollectionAssert.AreEqual(expected, run.Logits(batch), $"batches of {batch}");

        // Two texts in one batch, each in two pieces.
        using Sequence a = run.Runner.NewSequence(), b = run.Runner.NewSequence();
        var batches = new Batch();
        batches.Add(a, s_tokens.AsSpan(0, 50), LogitsOf.None);
        batches.Add(b, s_tokens.AsSpan(7, 90), LogitsOf.None);
        batches.Add(a, s_tokens.AsSpan(50, 250), LogitsOf.Last);
        CollectionAssert.AreEqual(expected, run.Runner.Forward(batches)[0].ToArray());
    }

    [TestMethod]
    public void AForkGoesItsOwnWay()
    {
        using var run = new Run();
        float[] expected = run.Logits(300);
        using Sequence sequence = run.Runner.NewSequence();
        run.Evaluate(sequence, s_tokens[..100]);
        using Sequence fork = sequence.Fork();
        run.Evaluate(sequence, [5, 6, 7]);
        CollectionAssert.AreEqual(expected, run.Evaluate(fork, s_tokens[100..]));
    }

    [TestMethod]
    public void TrimGoesBackToTheNearestSnapshot()
    {
        using var run = new Run();
        float[] expected = run.Logits(300);
        using Sequence sequence = run.Runner.NewSequence();
        foreach (int token in s_tokens.AsSpan(0, 200)) run.Evaluate(sequence, [token]);
        Assert.AreEqual(200, sequence.Trim(200));
        Assert.AreEqual(192, sequence.Trim(195));
        Assert.AreEqual(128, sequence.Trim(191));
        Assert.AreEqual(128, sequence.Length);
        CollectionAssert.AreEqual(expected, run.Evaluate(sequence, s_tokens[128..]));
        Assert.AreEqual(0, sequence.Trim(100), "older snapshots are gone");
        CollectionAssert.AreEqual(expected, run.Evaluate(sequence, s_tokens));
    }

    [TestMethod]
    public void APassThatFailsLeavesTheStateAsItWas()
    {
        using var run = new Run();
        float[] expected = run.Logits(300);
        using Sequence sequence = run.Runner.NewSequence();
        run.Evaluate(sequence, s_tokens[..100]);
        using var source = new CancellationTokenSource();
        run.Runner.Cpu.Tracer = (name, layer, _) =>
        {
            if (name == "l_out" && layer == 0) source.Cancel();
        };
        var batch = new Batch();
        batch.Add(sequence, s_tokens.AsSpan(100, 50));
        Assert.AreEqual(ErrorCode.Cancelled, Assert.ThrowsExactly<EdgeLlmException>(() => { run.Runner.Forward(batch, cancellation: source.Token); }).Code);
        run.Runner.Cpu.Tracer = null;
        CollectionAssert.AreEqual(expected, run.Evaluate(sequence, s_tokens[100..]));
    }

    [TestMethod]
    public void ASavedStateComesBack()
    {
        using var run = new Run();
        float[] expected = run.Logits(300);
        using Sequence sequence = run.Runner.NewSequence(), loaded = run.Runner.NewSequence();
        run.Evaluate(sequence, s_tokens[..150]);
        var format = new SequenceState(1, 1, TinyModel.Vocab);
        using var stream = new MemoryStream();
        run.Runner.With(sequence, held => format.Save(held, stream));
        Assert.AreEqual(SequenceState.Bytes(sequence), stream.Length);
        stream.Position = 0;
        run.Runner.With(loaded, held => format.Load(held, stream));
        CollectionAssert.AreEqual(expected, run.Evaluate(loaded, s_tokens[150..]));
    }

    [TestMethod]
    public void TheNextPromptGoesOnFromASnapshot()
    {
        using var run = new Run(sharing: false);
        var scheduler = new Scheduler(run.Runner, new Lifetime(run, () => { }), promptShare: 1);
        using Sequence sequence = run.Runner.NewSequence();
        var options = new GenerateOptions { MaxTokens = 3, IgnoreEos = true, Sampling = SamplingOptions.Greedy };
        int[] Tokens(int[] prompt, Sequence? where, out int reused)
        {
            using Generation generation = scheduler.Generate(prompt, run.Tokenizer, options, null, where, default);
            int[] tokens = [.. generation.Where(step => step.Token >= 0).Select(step => step.Token)];
            reused = generation.Statistics.ReusedTokens;
            return tokens;
        }

        int[] first = s_tokens[..200], second = [.. s_tokens[..195], 9, 8, 7];
        CollectionAssert.AreEqual(Tokens(first, null, out _), Tokens(first, sequence, out int none));
        CollectionAssert.AreEqual(Tokens(second, null, out _), Tokens(second, sequence, out int reused));
        Assert.AreEqual((0, 192), (none, reused));
    }

    [TestMethod]
    public void EveryStateIsGivenBack()
    {
        using var run = new Run();
        int all = run.Runner.Cache.States!.Free;
        for (int round = 0; round < 3; round++)
        {
            using Sequence sequence = run.Runner.NewSequence();
            foreach (int token in s_tokens) run.Evaluate(sequence, [token]);
            using Sequence fork = sequence.Fork();
            run.Evaluate(fork, s_tokens[..10]);
            sequence.Trim(280);
        }
        Assert.AreEqual(all, run.Runner.Cache.States.Free);
    }

    private sealed class Run : IDisposable
    {
        private readonly TinyModel _file = new(GgmlType.F32, GgmlType.F32, chatTemplate: "");
        private readonly LanguageModel _model;

        public Run(bool sharing = true)
        {
            _model = LanguageModel.Open(_file.File);
            ModelSpec spec = _model.Spec;
            spec = spec with { Layers = [spec.Layers[0] with { Mixer = new HalvingSpec(spec.EmbeddingLength) }, .. spec.Layers[1..]] };
            Runner = new ModelRunner(spec, _model.File, new Gate(this, 1, "", () => { }),
                new ContextOptions { ContextSize = 512, MaxSequences = 3, Threads = 2, LogitsRows = 1, BatchSize = 512, PrefixSharing = sharing });
        }

        public ModelRunner Runner { get; }

        public Tokenizer Tokenizer => _model.Tokenizer;

        /// <summary>The logits after all tokens, in batches of a size.</summary>
        public float[] Logits(int batchSize)
        {
            using Sequence sequence = Runner.NewSequence();
            float[] logits = [];
            for (int i = 0; i < s_tokens.Length; i += batchSize) logits = Evaluate(sequence, s_tokens[i..Math.Min(s_tokens.Length, i + batchSize)]);
            return logits;
        }

        public float[] Evaluate(Sequence sequence, int[] tokens)
        {
            var batch = new Batch();
            batch.Add(sequence, tokens);
            return Runner.Forward(batch)[0].ToArray();
        }

        public void Dispose()
        {
            Runner.Dispose();
            _model.Dispose();
            _file.Dispose();
        }
    }

    private sealed record HalvingSpec(int Width) : IMixerSpec
    {
        public InputFormats Input => InputFormats.None;

        public LayerMemory Memory => new(StateBytes: Width * sizeof(float));

        public int MaxRun => 64;

        public IMixer Make(LayerMaking making) => new Halving(making.Cache.StateOffset(making.Index));
    }

    private sealed class Halving(nint stateOffset) : IMixer
    {
        public void Forward(Cpu cpu, BatchPlan batch, FloatRows h, FloatRows y)
        {
            foreach (StateRun run in batch.States)
            {
                float* next = (float*)(run.NextState + stateOffset);
                var state = new Span<float>(next, h.Width);
                if (run.State is null) state.Clear();
                else if (run.State != run.NextState) new Span<byte>(run.State + stateOffset, h.Width * sizeof(float)).CopyTo(new Span<byte>(next, h.Width * sizeof(float)));
                for (int row = run.Row; row < run.Row + run.Tokens; row++)
                    for (int i = 0; i < h.Width; i++)
                    {
                        float input = h[row][i];
                        h[row][i] = state[i];
                        state[i] = (state[i] / 2) + input;
                    }
            }
            if (y.Count < h.Count) h = RowOps.KeepRows(h, batch.LogitsRows);
            for (int row = 0; row < y.Count; row++) h[row].CopyTo(y[row]);
        }
    }
}
