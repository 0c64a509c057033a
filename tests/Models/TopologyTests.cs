using Edge.Llm.Models;
using Edge.Llm.Tests.Support;
using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Models;

/// <summary>How mixer and feed-forward network stand around the residual stream, against a forward pass in double precision.</summary>
[TestClass]
public sealed class TopologyTests
{
    private static readonly int[] s_tokens = [.. Enumerable.Range(0, 70).Select(i => 3 + (i * 37 % (TinyModel.Vocab - 3)))];

    [TestMethod]
    [DataRow(nameof(Topology.Pre), true, true, false)]
    [DataRow(nameof(Topology.Pre), true, true, true)]
    [DataRow(nameof(Topology.Pre), false, false, true)]
    [DataRow(nameof(Topology.Parallel), true, true, false)]
    [DataRow(nameof(Topology.Parallel), true, false, false)]
    [DataRow(nameof(Topology.Parallel), false, false, true)]
    [DataRow(nameof(Topology.AfterSum), false, false, true)]
    public void EachEqualsItsFormula(string topology, bool normIn, bool normFfn, bool normsAfter)
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, biases: true);
        using LanguageModel model = LanguageModel.Open(file.File);
        ModelSpec spec = model.Spec;
        spec = spec with
        {
            Layers = [.. spec.Layers.Select(layer => layer with
            {
                Topology = Enum.Parse<Topology>(topology), In = normIn ? layer.In : null, FfnIn = normFfn ? layer.FfnIn : null,
                AfterMixer = normsAfter ? layer.FfnIn : null, AfterFfn = normsAfter ? layer.In : null,
            })],
        };
        var reference = new ReferenceForward(spec);
        double[][] expected = reference.Logits(s_tokens);
        foreach (int batchSize in new[] { 70, 7 })
        {
            float[][] found = Logits(spec, model, batchSize);
            for (int row = 0; row < found.Length; row++)
                Assert.IsLessThan(1e-5, Distance(expected[row], found[row]), $"row {row}, batches of {batchSize}");
        }
    }

    [TestMethod]
    [DataRow(nameof(NormKind.Layer), true, true)]
    [DataRow(nameof(NormKind.Layer), true, false)]
    [DataRow(nameof(NormKind.Layer), false, false)]
    [DataRow(nameof(NormKind.Rms), true, true)]
    [DataRow(nameof(NormKind.Rms), false, false)]
    public void EachNormEqualsItsFormula(string kind, bool weight, bool bias)
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32, biases: true);
        using LanguageModel model = LanguageModel.Open(file.File);
        ModelSpec spec = model.Spec;
        // Any numbers do as weight and bias: a row of the embedding, and the bias of a matrix of this width.
        Tensor row = spec.TokenEmbd with { Ne1 = 1 }, down = ((GatedSpec)spec.Layers[0].Ffn!).Down.Bias!.Value;
        var norm = new Norm(Enum.Parse<NormKind>(kind), weight ? row : null, bias ? down : null, 1e-3f);
        spec = spec with { OutputNorm = norm, Layers = [.. spec.Layers.Select(layer => layer with { In = norm, AfterFfn = norm })] };
        double[][] expected = new ReferenceForward(spec).Logits(s_tokens);
        float[][] found = Logits(spec, model, 70);
        for (int i = 0; i < found.Length; i++) Assert.IsLessThan(1e-5, Distance(expected[i], found[i]), $"row {i}");
    }

    [TestMethod]
    public void AWindowHidesWhatLiesBehindItAndEqualsItsFormula()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        ModelSpec spec = model.Spec;
        var attention = (AttentionSpec)spec.Layers[1].Mixer!;
        spec = spec with { Layers = [spec.Layers[0], spec.Layers[1] with { Mixer = attention with { Config = attention.Config with { Window = 9 } } }] };
        double[][] expected = new ReferenceForward(spec).Logits(s_tokens);
        foreach (int batchSize in new[] { 70, 1 })
        {
            float[][] found = Logits(spec, model, batchSize);
            for (int row = 0; row < found.Length; row++)
                Assert.IsLessThan(1e-5, Distance(expected[row], found[row]), $"row {row}, batches of {batchSize}");
        }
    }

    [TestMethod]
    public void RowsOfAFusedMatrixAreMatricesOfTheirOwn()
    {
        using var file = new TinyModel(GgmlType.Q8_0, GgmlType.Q8_0, biases: true);
        using LanguageModel model = LanguageModel.Open(file.File);
        ModelSpec spec = model.Spec;
        float[][] expected = Logits(spec, model, 70);
        ModelSpec sliced = spec with
        {
            Layers = [.. spec.Layers.Select(layer =>
            {
                var gated = (GatedSpec)layer.Ffn!;
                // The same rows, as slices of what a fused tensor would be: all of it, from its first row on.
                return layer with { Ffn = new GatedSpec(gated.Gate.Rows(0, gated.Gate.OutputLength), gated.Up.Rows(0, gated.Up.OutputLength), gated.Down, gated.Activation) };
            })],
        };
        float[][] found = Logits(sliced, model, 70);
        for (int row = 0; row < found.Length; row++) CollectionAssert.AreEqual(expected[row], found[row]);
        Linear up = ((GatedSpec)spec.Layers[0].Ffn!).Up, middle = up.Rows(64, 32);
        Assert.AreEqual((up.Weight.Data + (nint)(64 * up.Weight.RowBytes), 32L), (middle.Weight.Data, middle.Weight.Ne1));
        Assert.AreEqual((up.Bias!.Value.Data + (64 * sizeof(float)), 32L), (middle.Bias!.Value.Data, middle.Bias.Value.Ne0));
    }

    private static float[][] Logits(ModelSpec spec, LanguageModel model, int batchSize)
    {
        using var runner = new ModelRunner(spec, model.File, new Gate(model, 1, "", () => { }), new ContextOptions
        {
            ContextSize = 128, Threads = 2, BatchSize = batchSize, LogitsRows = batchSize, TypeK = KvType.F32, TypeV = KvType.F32,
        });
        using Sequence sequence = runner.NewSequence();
        var rows = new List<float[]>();
        runner.Evaluate(sequence, s_tokens, 0, wantsHidden: false, (logits, _) =>
        {
            for (int row = 0; row < logits.Count; row++) rows.Add(logits[row].ToArray());
        }, default);
        return [.. rows];
    }

    private static double Distance(double[] expected, float[] found)
    {
        double difference = expected.Zip(found, (a, b) => (a - b) * (a - b)).Sum(), size = expected.Sum(a => a * a);
        return Math.Sqrt(difference / size);
    }
}
