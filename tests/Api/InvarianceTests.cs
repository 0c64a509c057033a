using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Api;

/// <summary>The same logits, to the bit, for any number of threads, any batch size and any company in the batch.</summary>
[TestClass]
public sealed class InvarianceTests
{
    private const int Length = 200;

    [TestMethod]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.F32, KvType.F32)]
    [DataRow(GgmlType.F16, GgmlType.BF16, KvType.F16, KvType.F16)]
    [DataRow(GgmlType.Q8_0, GgmlType.Q8_0, KvType.Q8_0, KvType.F16)]
    [DataRow(GgmlType.Q4_K, GgmlType.Q8_0, KvType.F16, KvType.Q8_0)]
    [DataRow(GgmlType.IQ3_S, GgmlType.NVFP4, KvType.F16, KvType.F16)]
    [DataRow(GgmlType.IQ4_XS, GgmlType.Q8_K, KvType.F16, KvType.F16)]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.BF16, KvType.Q5_1)]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.Q5_0, KvType.Q4_1)]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.Q4_0, KvType.IQ4_NL)]
    public void ThreadsAndBatchSizeChangeNoBit(GgmlType type, GgmlType downType, KvType typeK, KvType typeV)
    {
        using var file = new TinyModel(type, downType);
        using LanguageModel model = LanguageModel.Open(file.File);
        int[] tokens = Tokens(1, Length);
        string? expected = null;
        foreach (int threads in new[] { 1, 2, 3, 5 })
        {
            using Context context = model.CreateContext(new ContextOptions { Threads = threads, LogitsRows = 512, TypeK = typeK, TypeV = typeV });
            foreach (int batch in new[] { 1, 7, 64, 512 })
            {
                string hash = Hash(context.AllLogits(tokens, batch));
                expected ??= hash;
                Assert.AreEqual(expected, hash, $"{threads} threads, batches of {batch}");
            }
        }
    }

    [TestMethod]
    public void EveryInstructionSetGivesTheSameBits()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0);
        using LanguageModel model = LanguageModel.Open(file.File);
        foreach (KvType type in Enum.GetValues<KvType>())
        {
            string? expected = null;
            foreach (Isa isa in KernelTable.SupportedIsas())
            {
                using Context context = model.CreateContext(new ContextOptions { Threads = 2, LogitsRows = 512, Isa = isa, TypeK = type, TypeV = type });
                string hash = Hash(context.AllLogits(Tokens(1, Length), 64));
                expected ??= hash;
                Assert.AreEqual(expected, hash, $"{isa} {type}");
            }
        }
    }

    /// <summary>The bits themselves: they change only with the arithmetic version, and are the same on every processor.</summary>
    [TestMethod]
    [TestCategory("Isa")]
    [DataRow(GgmlType.F32, GgmlType.F16, KvType.F16, "55AAAAFCA3AF29C2C7D32714C286CCBBDAD16C100102513BFA17E180C31E247D")]
    [DataRow(GgmlType.Q4_K, GgmlType.Q8_0, KvType.Q8_0, "B4C878FD14CD8F9EF1250F869FBF992B476CF2F604704C157862BF6BCFCF3A78")]
    [DataRow(GgmlType.IQ1_S, GgmlType.IQ1_M, KvType.F16, "6238CEB5BB855FF97C632B23404C42EF28C12EBBBE03B35EB4FD9B3F911AF38E")]
    [DataRow(GgmlType.IQ2_XXS, GgmlType.IQ2_XS, KvType.F16, "627C702C3FECD0A8D7FDFF38B2E2779410903922ABEBA94398F6F54D9F5301D3")]
    [DataRow(GgmlType.IQ2_S, GgmlType.IQ3_XXS, KvType.F16, "CEC1B1BC099A29013C1E2EE2074A1D92757943F097FE40F5B56017FC327255A8")]
    [DataRow(GgmlType.IQ3_S, GgmlType.IQ4_NL, KvType.F16, "468C02A65ABB64631529030EC344CC6F310E5F49890A03AFCBB5591C1BEA1B88")]
    [DataRow(GgmlType.IQ4_XS, GgmlType.MXFP4, KvType.F16, "7072C6CE9D73AE09F26CEB881AB18F2E70BE84A51516FEB5288F2CEAA56E0EDE")]
    [DataRow(GgmlType.TQ1_0, GgmlType.TQ2_0, KvType.F16, "59CF07A015EDD0BFD7F3463698117D7485DB5F2326EDC8183B9620DE0AA75B4F")]
    [DataRow(GgmlType.NVFP4, GgmlType.Q1_0, KvType.F16, "14D299C0EE0F72651C05B89246A70F798B7A48FB9F357931E8BABBDBB6248C45")]
    [DataRow(GgmlType.Q2_0, GgmlType.Q8_1, KvType.F16, "E0EB7E7D7ADC2035FFE451C5F9C1A526F6C7491F7DBB52E50C4C5BA713738476")]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.BF16, "1E80CE4BDA0768583D41870454F4214F9E79140DD0A50134E345D400CAA9431E")]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.Q5_1, "96EF85FC2D0CBAB53062751041DDF0F802D7F25F92ACB189D0EC3101F6189FBC")]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.Q5_0, "DE04F205B49CFE7A831DA1270371340B08A0CBE221654ADFB3F912B8F62EB51C")]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.Q4_1, "1D56A6C0744D38F828410CF0FEB06C23A68D713146245DF60DBA0427D7F2AE88")]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.Q4_0, "33F8BE939280F16962E4398EE2971274B3F357AE03676574D4D67C4D1AE49EA6")]
    [DataRow(GgmlType.F32, GgmlType.F32, KvType.IQ4_NL, "485ACFF87E3C196FE76DA18C074F4A63578CD96F3DAC80C8829F9FF697D77308")]
    public void TheLogitsAreTheseBits(GgmlType type, GgmlType downType, KvType kvType, string expected)
    {
        using var file = new TinyModel(type, downType);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 2, LogitsRows = 512, TypeK = kvType, TypeV = kvType });
        Assert.AreEqual(expected, Hash(context.AllLogits(Tokens(1, Length), 64)));
    }

    [TestMethod]
    public void SequencesInOneBatchEqualEachAlone()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 2, MaxSequences = 3, LogitsRows = 512 });
        int[][] texts = [Tokens(1, 90), Tokens(2, 64), Tokens(3, 131)];
        float[][] alone = [.. texts.Select(tokens => context.AllLogits(tokens, 512))];

        // Interleaved at random, some tokens at a time.
        var random = new Random(5);
        var found = texts.Select(_ => new List<float>()).ToArray();
        Sequence[] sequences = [.. texts.Select(_ => context.NewSequence())];
        var next = new int[3];
        var batch = new Batch();
        while (next.Zip(texts).Any(pair => pair.First < pair.Second.Length))
        {
            batch.Clear();
            var rows = new List<int>();
            for (int piece = 0; piece < 6; piece++)
            {
                int s = random.Next(3);
                for (int i = random.Next(1, 40); i > 0 && next[s] < texts[s].Length; i--, rows.Add(s)) batch.Add(sequences[s], texts[s][next[s]++], true);
            }
            if (batch.Count == 0) continue;
            Logits logits = context.Forward(batch);
            for (int row = 0; row < logits.Count; row++) found[rows[row]].AddRange(logits[row]);
        }
        for (int s = 0; s < 3; s++) Assert.AreEqual(Hash(alone[s]), Hash([.. found[s]]), $"sequence {s}");
    }

    [TestMethod]
    public void AForkAndATrimmedSequenceEqualAFreshOne()
    {
        using var file = new TinyModel(GgmlType.F32, GgmlType.F32);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 2, MaxSequences = 3 });
        int[] prefix = Tokens(1, 100), a = Tokens(2, 50), b = Tokens(3, 50);
        string freshA = Last(context, context.NewSequence(), [.. prefix, .. a]), freshB = Last(context, context.NewSequence(), [.. prefix, .. b]);

        using Sequence first = context.NewSequence();
        Last(context, first, prefix);
        using Sequence fork = first.Fork();
        Assert.AreEqual(freshA, Last(context, first, a));
        Assert.AreEqual(freshB, Last(context, fork, b), "the fork does not see what the original wrote");
        first.Trim(100);
        Assert.AreEqual(freshB, Last(context, first, b), "nothing is left of what was trimmed");
    }

    [TestMethod]
    public void OnlyTheRowsAskedForComeBack()
    {
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16);
        using LanguageModel model = LanguageModel.Open(file.File);
        using Context context = model.CreateContext(new ContextOptions { Threads = 2, LogitsRows = 100 });
        int[] tokens = Tokens(1, 100);
        float[] all = context.AllLogits(tokens, 100);
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        for (int i = 0; i < 100; i++) batch.Add(sequence, tokens[i], i is 3 or 50 or 51 or 98);
        Logits logits = context.Forward(batch);
        Assert.AreEqual(4, logits.Count);
        int[] rows = [3, 50, 51, 98];
        for (int i = 0; i < 4; i++)
            Assert.IsTrue(logits[i].SequenceEqual(all.AsSpan(rows[i] * TinyModel.Vocab, TinyModel.Vocab)), $"row {rows[i]}");

        batch.Clear();
        batch.Add(sequence, 5, wantLogits: false);
        Assert.AreEqual(0, context.Forward(batch).Count);
        Assert.AreEqual(101, sequence.Length);
    }

    internal static int[] Tokens(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(TinyModel.Vocab))];
    }

    private static string Last(Context context, Sequence sequence, ReadOnlySpan<int> tokens)
    {
        var batch = new Batch();
        batch.Add(sequence, tokens);
        return Hash(context.Forward(batch)[0].ToArray());
    }

    private static string Hash(float[] values) => Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(values.AsSpan())));
}
