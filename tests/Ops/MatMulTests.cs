using Edge.Llm.Kernels;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm.Tests.Ops;

[TestClass]
public sealed unsafe class MatMulTests
{
    private const int K = 512, Most = 70;

    /// <summary>Three weights of two activation formats and odd numbers of rows, as one run: each result is the format's own dot product.</summary>
    [TestMethod]
    [DataRow(1, 1)]
    [DataRow(1, 3)]
    [DataRow(2, 2)]
    [DataRow(37, 1)]
    [DataRow(70, 4)]
    public void EveryResultIsTheReferenceDotProduct(int tokens, int threads)
    {
        using var pool = new WorkerPool(threads);
        KernelSet kernels = KernelSet.For(Isa.Scalar);
        var random = new Random(tokens);
        using var input = new AlignedBuffer(Most * K * sizeof(float));
        using var q8K = new AlignedBuffer(PackedActivations.BufferBytes(Most, K));
        using var q8_32 = new AlignedBuffer(PackedActivations.BufferBytes(Most, K));
        int scratchStride = MatMulArgs.GemmScratchBytes(Most);
        using var scratch = new AlignedBuffer((long)threads * scratchStride);
        var x = new FloatRows((float*)input.Data, tokens, K);
        for (int t = 0; t < tokens; t++)
            for (int i = 0; i < K; i++)
                x[t][i] = random.NextSingle() - 0.5f;

        using var data = new AlignedBuffer(1 << 20);
        Tensor a = Weight("a", GgmlType.Q4_K, 131, data.Data, random);
        Tensor b = Weight("b", GgmlType.Q8_0, 33, data.Data + a.Bytes, random);
        Tensor c = Weight("c", GgmlType.F32, 96, data.Data + a.Bytes + b.Bytes + 6, random);
        using var output = new AlignedBuffer(Most * 3 * 144 * sizeof(float));
        var ya = new FloatRows((float*)output.Data, tokens, 131);
        var yb = new FloatRows((float*)output.Data + (Most * 144), tokens, 33);
        var yc = new FloatRows((float*)output.Data + (2 * Most * 144), tokens, 96);

        var packed = new PackedActivations(pool, kernels.Float, q8K.Data, q8_32.Data);
        var cpu = new Cpu(pool, kernels, scratch.Data, scratchStride, packed);
        MatMul.Run(cpu, x, new Product(a, ya), new Product(b, yb), new Product(c, yc));
        packed.Use(x);
        Check(a, ya, packed);
        Check(b, yb, packed);
        Check(c, yc, packed);
    }

    /// <summary>Rows that are packed as they are made are packed as any others, and not once they may have changed.</summary>
    [TestMethod]
    public void RowsArePackedAsTheyAreMade()
    {
        const int Tokens = 9;
        using var pool = new WorkerPool(3, processors: 3);
        FloatKernels kernels = KernelSet.Default().Float;
        long bytes = PackedActivations.BufferBytes(Tokens, K);
        using var floats = new AlignedBuffer(2 * Tokens * K * sizeof(float));
        using var packings = new AlignedBuffer(4 * bytes);
        var x = new FloatRows((float*)floats.Data, Tokens, K);
        var y = new FloatRows((float*)floats.Data + (Tokens * K), Tokens, K);
        var random = new Random(5);
        for (int t = 0; t < Tokens; t++)
            for (int i = 0; i < K; i++) x[t][i] = random.NextSingle() - 0.5f;
        Tensor norm = new("norm", GgmlType.F32, (nint)x.Row(3), K);

        var ahead = new PackedActivations(pool, kernels, packings.Data, packings.Data + bytes);
        var cpu = new Cpu(pool, KernelSet.Default(), null, 0, ahead);
        RowOps.RmsNorm(cpu, x, norm, 1e-5f, y, InputFormats.Q8_K | InputFormats.Q8_32);
        var later = new PackedActivations(pool, kernels, packings.Data + (2 * bytes), packings.Data + (3 * bytes));
        later.Use(y);
        ahead.Use(y);
        foreach (ActivationFormat format in (ReadOnlySpan<ActivationFormat>)[ActivationFormat.Q8_K, ActivationFormat.Q8_32])
        {
            byte* expected = later.In(format, "later").X, found = ahead.In(format, "ahead").X;
            Assert.IsTrue(new Span<byte>(expected, (int)bytes).SequenceEqual(new Span<byte>(found, (int)bytes)), $"{format}");
        }

        ahead.Forget();
        y[4][7] = float.NaN;
        ahead.Use(y);
        Assert.AreEqual(ErrorCode.NonFinite, Assert.ThrowsExactly<EdgeLlmException>(() => ahead.In(ActivationFormat.Q8_K, "c")).Code);
        x[2][1] = float.PositiveInfinity;
        RowOps.RmsNorm(cpu, x, norm, 1e-5f, y, InputFormats.Q8_32);
        ahead.Use(y);
        StringAssert.Contains(Assert.ThrowsExactly<EdgeLlmException>(() => ahead.In(ActivationFormat.Q8_32, "d")).Message, "input of d");
    }

    [TestMethod]
    public void AWrongShapeIsAnErrorNotACrash()
    {
        using var pool = new WorkerPool(1);
        KernelSet kernels = KernelSet.For(Isa.Scalar);
        using var memory = new AlignedBuffer(4096);
        var packed = new PackedActivations(pool, kernels.Float, null, null);
        var weight = new Tensor("w", GgmlType.F32, (nint)memory.Data, 16, 8);
        Assert.AreEqual(ErrorCode.Internal, Assert.ThrowsExactly<EdgeLlmException>(() =>
            MatMul.Run(new Cpu(pool, kernels, null, 0, packed), new FloatRows((float*)memory.Data, 1, 16), new Product(weight, new FloatRows((float*)memory.Data, 1, 9)))).Code);
    }

    [TestMethod]
    public void KeptRowsMoveToTheFront()
    {
        using var memory = new AlignedBuffer(10 * 16 * sizeof(float));
        var x = new FloatRows((float*)memory.Data, 10, 3);
        for (int row = 0; row < 10; row++) x[row].Fill(row);
        FloatRows kept = RowOps.KeepRows(x, [0, 4, 5, 9]);
        Assert.AreEqual(4, kept.Count);
        Assert.AreEqual("0 4 5 9", string.Join(' ', Enumerable.Range(0, 4).Select(row => kept[row][2])));
    }

    [TestMethod]
    [DataRow(float.NaN)]
    [DataRow(float.PositiveInfinity)]
    [DataRow(float.NegativeInfinity)]
    public void TheFirstNonFiniteRowIsFound(float bad)
    {
        const int Width = 40003;
        using var pool = new WorkerPool(3);
        using var memory = new AlignedBuffer(4 * FloatRows.PaddedWidth(Width) * sizeof(float));
        var x = new FloatRows((float*)memory.Data, 4, Width);
        for (int row = 0; row < 4; row++) x[row].Fill(float.MaxValue);
        Assert.AreEqual(-1, NonFinite.FindRow(pool, x));
        x[3][0] = bad;
        Assert.AreEqual(3, NonFinite.FindRow(pool, x));
        x[2][Width - 1] = bad;
        Assert.AreEqual(2, NonFinite.FindRow(pool, x));
        x[1][20000] = bad;
        Assert.AreEqual(1, NonFinite.FindRow(pool, x));
    }

    private static Tensor Weight(string name, GgmlType type, int rows, byte* data, Random random)
    {
        var weight = new Tensor(name, type, (nint)data, K, rows);
        GgmlTypeInfo info = GgmlTypes.Get(type);
        random.NextBytes(new Span<byte>(data, (int)weight.Bytes));
        for (long i = 0; i < weight.Bytes; i += info.BlockBytes)
        {
            if (type == GgmlType.F32) *(float*)(data + i) = random.NextSingle() - 0.5f;
            else *(ushort*)(data + i) = HalfFloat.FromSingle(random.NextSingle() / 100);
            if (type == GgmlType.Q4_K) *(ushort*)(data + i + 2) = HalfFloat.FromSingle(random.NextSingle() / 100);
        }
        return weight;
    }

    private static void Check(Tensor weight, FloatRows y, PackedActivations x)
    {
        FormatRow format = KernelTable.FindFormat(weight.Type)!;
        PackedView view = x.In(format.Scalar.Activation, weight.Name);
        for (int t = 0; t < y.Count; t++)
            for (int r = 0; r < weight.Ne1; r++)
                Assert.AreEqual(format.VecDot(weight.Pointer + (r * weight.RowBytes), K, view.X + (t * view.TokenStride), view.GroupStride), y[t][r],
                    $"{weight.Name}, token {t}, row {r}");
    }
}
