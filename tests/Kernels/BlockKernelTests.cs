using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Every kernel row of the formats with blocks under 256 gives the bits of the scalar one and stays inside its buffers.</summary>
[TestClass]
public unsafe class BlockKernelTests
{
    private static readonly FormatRow[] s_formats =
        [.. KernelTable.Formats.Where(f => f.Activation == ActivationFormat.Q8_32 && f.Type != GgmlType.Q8_1)];
    private static readonly bool s_full = Settings.Full;

    private enum Fill
    {
        Random,
        ExtremeScales,
        AllZeroBits,
        AllOneBits,
        LowestByte,
    }

    [TestMethod]
    public void GemvEqualsScalar() => EachRow((row, scalar, random) =>
    {
        int step = GgmlTypes.Get(row.Type).BlockLength;
        int[] lengths = [.. Enumerable.Range(1, 17).Select(b => step * b), 1024, 2048 + step, 8192 + (3 * step), 8448, 16384 + 256 - step];
        foreach (int k in lengths)
            foreach (Fill fill in Enum.GetValues<Fill>())
                Compare(row, scalar, random, fill, rows: 1 + random.Next(4), k, tokens: 1, gemm: false);
        for (int rows = 1; rows <= (s_full ? 70 : 9); rows++) Compare(row, scalar, random, Fill.Random, rows, step * random.Next(1, 40), 1, false);
    });

    [TestMethod]
    public void GemmEqualsScalar() => EachRow((row, scalar, random) =>
    {
        int[] counts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 33];
        int step = GgmlTypes.Get(row.Type).BlockLength;
        int[] heights = s_full ? [.. Enumerable.Range(1, 70)] : [1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 70];
        foreach (int rows in heights)
            foreach (int tokens in s_full ? counts : [counts[random.Next(10)]])
                Compare(row, scalar, random, (Fill)random.Next(5), rows, step * random.Next(1, 20), tokens, true);
        foreach (int tokens in counts)
            foreach (Fill fill in Enum.GetValues<Fill>())
                Compare(row, scalar, random, fill, 33, tokens % 2 == 0 ? 512 : 256 + (step * random.Next(1, 256 / step)), tokens, true);
    });

    [TestMethod]
    public void VecDotIsTheDotProductOfDequantizedValues()
    {
        var random = new Random(3);
        foreach (FormatRow format in KernelTable.Formats.Where(f => f.Activation == ActivationFormat.Q8_32))
        {
            GgmlTypeInfo info = GgmlTypes.Get(format.Type);
            for (int k = info.BlockLength; k <= 640; k += info.BlockLength)
            {
                using GuardedBuffer w = Weights(format.Type, k, Fill.Random, random);
                using GuardedBuffer x = Activations(1, k, random, full: false);
                double dot = 0, size = 0;
                float* y = stackalloc float[640];
                for (int b = 0; b < k / info.BlockLength; b++) format.Dequantize(w.Data + (b * info.BlockBytes), y + (b * info.BlockLength));
                for (int i = 0; i < k; i++)
                {
                    var group = (Q8_32*)(x.Data + (i / 256 * Q8_32.Bytes));
                    double product = (double)y[i] * group->D[i % 256 / 32] * group->Qs[i % 256];
                    dot += product;
                    size += Math.Abs(product);
                }
                // Sixteen roundings at most stand between a product and the sum.
                Assert.AreEqual(dot, format.VecDot(w.Data, k, x.Data, Q8_32.Bytes), size * 1e-6, $"{format.Type}, k = {k}");
            }
        }
    }

    [TestMethod]
    public void BlockStructsHaveTheirFileSizes()
    {
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q4_0).BlockBytes, sizeof(Q4_0));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q4_1).BlockBytes, sizeof(Q4_1));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q5_0).BlockBytes, sizeof(Q5_0));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q5_1).BlockBytes, sizeof(Q5_1));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q8_0).BlockBytes, sizeof(Q8_0));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q8_1).BlockBytes, sizeof(Q8_1));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ4_NL).BlockBytes, sizeof(IQ4_NL));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.MXFP4).BlockBytes, sizeof(MXFP4));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.NVFP4).BlockBytes, sizeof(NVFP4));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q1_0).BlockBytes, sizeof(Q1_0));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q2_0).BlockBytes, sizeof(Q2_0));
    }

    private static void EachRow(Action<KernelRow, KernelRow, Random> test)
    {
        int tested = 0;
        foreach (FormatRow format in s_formats)
            foreach (KernelRow row in KernelTable.Rows.Where(r => r.Type == format.Type && r.Isa != Isa.Scalar))
            {
                test(row, format.Scalar, new Random(1));
                tested++;
            }
        foreach (KernelRow row in EmulatedVnni.Rows()) test(row, s_formats.Single(format => format.Type == row.Type).Scalar, new Random(1));
        Assert.AreEqual(s_formats.Length * (KernelTable.SupportedIsas().Length - 1), tested, "a format lacks a row");
    }

    private static void Compare(KernelRow row, KernelRow scalar, Random random, Fill fill, int rows, int k, int tokens, bool gemm)
    {
        nint rowBytes = (nint)GgmlTypes.RowBytes(row.Type, k);
        int stride = rows + random.Next(3), bytes = (((tokens - 1) * stride) + rows) * sizeof(float);
        using GuardedBuffer w = Weights(row.Type, rows * k, fill, random);
        using GuardedBuffer x = Activations(tokens, k, random, full: random.Next(4) == 0);
        using var expected = new GuardedBuffer(bytes);
        using var actual = new GuardedBuffer(bytes);
        using var scratch = new GuardedBuffer((MatMulArgs.GemmScratchBytes(tokens) + 63) / 64 * 64);
        scratch.Span.Fill(0xa5);
        expected.Span.Fill(0x5a); // what lies between the rows of dst stays as it is
        actual.Span.Fill(0x5a);
        var args = new MatMulArgs
        {
            W = w.Data, RowBytes = rowBytes, Rows = rows, K = k, X = x.Data, XTokenStride = Q8_32.Bytes,
            XGroupStride = Q8_32.Bytes * tokens, Tokens = tokens, Dst = (float*)expected.Data, DstStride = stride,
        };
        scalar.Gemm(&args);
        args.Dst = (float*)actual.Data;
        if (gemm)
        {
            args.Scratch = scratch.Data;
            row.Gemm(&args);
        }
        else
        {
            row.Gemv(&args);
        }
        int at = actual.Span.CommonPrefixLength(expected.Span) / 4;
        Assert.AreEqual(bytes / 4, at, $"{row.Type} {row.Isa} {(gemm ? "gemm" : "gemv")}, {fill}, {rows} rows, k = {k}, {tokens} tokens: " +
            $"element {at}{(at < bytes / 4 ? $" is {((float*)actual.Data)[at]:r}, not {((float*)expected.Data)[at]:r}" : "")}");
    }

    /// <summary>So many values of any bits, every scale finite.</summary>
    private static GuardedBuffer Weights(GgmlType type, int count, Fill fill, Random random)
    {
        var buffer = new GuardedBuffer((int)GgmlTypes.RowBytes(type, count));
        switch (fill)
        {
            case Fill.AllZeroBits: buffer.Span.Clear(); break;
            case Fill.AllOneBits: buffer.Span.Fill(0xff); break;
            case Fill.LowestByte: buffer.Span.Fill(0x80); break;
            default: random.NextBytes(buffer.Span); break;
        }
        BlockScales.Set(type, buffer.Span,
            () => fill == Fill.ExtremeScales ? BlockScales.Extremes[random.Next(BlockScales.Extremes.Length)] : BlockScales.Ordinary(random));
        return buffer;
    }

    /// <summary>[group][token]; missing blocks of the last group are zero. Full: every value is 127 or -127.</summary>
    private static GuardedBuffer Activations(int tokens, int k, Random random, bool full)
    {
        int groups = (k + 255) / 256, sign = random.Next(2) == 0 ? 127 : -127;
        var buffer = new GuardedBuffer(groups * tokens * Q8_32.Bytes);
        buffer.Span.Clear();
        for (int b = 0; b < k / 32; b++)
            for (int t = 0; t < tokens; t++)
            {
                var group = (Q8_32*)(buffer.Data + (((b / 8 * tokens) + t) * Q8_32.Bytes));
                group->D[b % 8] = random.NextSingle();
                for (int i = 0; i < 32; i++)
                {
                    int q = full ? sign : random.Next(-127, 128);
                    group->Qs[(32 * (b % 8)) + i] = (sbyte)q;
                    group->Sums[b % 8] += q;
                }
            }
        return buffer;
    }
}
