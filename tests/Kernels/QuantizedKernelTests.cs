using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Every kernel row of the quantized formats gives the bits of the scalar one and stays inside its buffers.</summary>
[TestClass]
public unsafe class QuantizedKernelTests
{
    private const int TokenBytes = Q8_K.Bytes; // of both activation formats

    private static readonly bool s_full = Environment.GetEnvironmentVariable("EDGE_LLM_FULL") == "1";

    private enum Fill
    {
        Random,
        ExtremeScales,
        AllZeroBits,
        AllOneBits,
        LowestByte,
        HighestSignedByte,
    }

    private enum Xs
    {
        Random,
        Lowest,
        Highest,
        Alternating,
        Zero,
    }

    [TestMethod]
    [DataRow(nameof(ActivationFormat.Q8_K))]
    [DataRow(nameof(ActivationFormat.Q8_32))]
    public void GemvEqualsScalar(string activation) => EachRow(activation, (row, scalar, random) =>
    {
        int step = GgmlTypes.Get(row.Type).BlockLength;
        int[] lengths = [.. Enumerable.Range(1, 17).Select(b => step * b), 1024, 2048 + step, 8192 + (3 * step), 8448, 16384 + 256 - step];
        foreach (int k in lengths)
            foreach (Fill fill in Enum.GetValues<Fill>())
                Compare(row, scalar, random, fill, (Xs)random.Next(5), rows: 1 + random.Next(4), k, tokens: 1, gemm: false);
        foreach (Fill fill in Enum.GetValues<Fill>())
            foreach (Xs xs in Enum.GetValues<Xs>())
                Compare(row, scalar, random, fill, xs, 2, 1280, 1, false);
        for (int rows = 1; rows <= (s_full ? 70 : 9); rows++)
            foreach (int k in (int[])[4 * step, step * random.Next(1, 9)])
                Compare(row, scalar, random, (Fill)random.Next(6), Xs.Random, rows, k, 1, false);
    });

    [TestMethod]
    [DataRow(nameof(ActivationFormat.Q8_K))]
    [DataRow(nameof(ActivationFormat.Q8_32))]
    public void GemmEqualsScalar(string activation) => EachRow(activation, (row, scalar, random) =>
    {
        int step = GgmlTypes.Get(row.Type).BlockLength;
        int[] counts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 33];
        int[] heights = s_full ? [.. Enumerable.Range(1, 70)] : [1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 70];
        foreach (int rows in heights)
            foreach (int tokens in s_full ? counts : [counts[random.Next(counts.Length - 1)]])
                Compare(row, scalar, random, (Fill)random.Next(6), (Xs)random.Next(5), rows, step * random.Next(1, 2 + (640 / step)), tokens, true);
        foreach (int tokens in counts)
            foreach (Fill fill in Enum.GetValues<Fill>())
                Compare(row, scalar, random, fill, Xs.Random, 33, tokens % 2 == 0 ? 256 : 256 + (step * random.Next(1, 256 / step)), tokens, true);
        foreach (int tokens in counts) // two strips, more groups than are prefetched together
            Compare(row, scalar, random, Fill.Random, Xs.Random, 65, 2048 + (step * random.Next(1, 1 + (512 / step))), tokens, true);
        foreach (int tokens in (int[])[2, 5, 8]) // more groups than a few tokens pass at a time
            Compare(row, scalar, random, Fill.Random, Xs.Random, 3, 8192 + (step * random.Next(1, 1 + (512 / step))), tokens, true);
        foreach (Fill fill in Enum.GetValues<Fill>())
            foreach (Xs xs in Enum.GetValues<Xs>())
                Compare(row, scalar, random, fill, xs, 32, 256, 5, true);
    });

    [TestMethod]
    [DataRow(nameof(ActivationFormat.Q8_K))]
    [DataRow(nameof(ActivationFormat.Q8_32))]
    public void VecDotIsTheDotProductOfDequantizedValues(string activation)
    {
        const int Most = 2304;
        var random = new Random(3);
        float* y = stackalloc float[Most];
        foreach (FormatRow format in KernelTable.Formats.Where(f => f.Activation == Enum.Parse<ActivationFormat>(activation)))
        {
            GgmlTypeInfo info = GgmlTypes.Get(format.Type);
            for (int k = info.BlockLength; k <= (info.BlockLength == 256 ? Most : 640); k += info.BlockLength)
            {
                using GuardedBuffer w = Weights(format.Type, k, Fill.Random, random);
                using GuardedBuffer x = Activations(format.Activation, 1, k, Xs.Random, random);
                for (int b = 0; b < k / info.BlockLength; b++) format.Dequantize(w.Data + (b * info.BlockBytes), y + (b * info.BlockLength));
                double dot = 0, size = 0;
                for (int i = 0; i < k; i++)
                {
                    byte* group = x.Data + (i / 256 * TokenBytes);
                    float d = format.Activation == ActivationFormat.Q8_K ? ((Q8_K*)group)->D : ((Q8_32*)group)->D[i % 256 / 32];
                    double product = (double)y[i] * d * ((sbyte*)group)[i % 256];
                    dot += product;
                    size += Math.Abs(product);
                }
                // Sixteen roundings at most stand between a product and the sum.
                Assert.AreEqual(dot, format.VecDot(w.Data, k, x.Data, TokenBytes), size * 2e-6, $"{format.Type}, k = {k}");
            }
        }
    }

    [TestMethod]
    public void BlockStructsHaveTheirFileSizes()
    {
        (GgmlType Type, int Bytes)[] sizes =
        [
            (GgmlType.Q4_0, sizeof(Q4_0)), (GgmlType.Q4_1, sizeof(Q4_1)), (GgmlType.Q5_0, sizeof(Q5_0)), (GgmlType.Q5_1, sizeof(Q5_1)),
            (GgmlType.Q8_0, sizeof(Q8_0)), (GgmlType.Q8_1, sizeof(Q8_1)), (GgmlType.IQ4_NL, sizeof(IQ4_NL)), (GgmlType.MXFP4, sizeof(MXFP4)),
            (GgmlType.NVFP4, sizeof(NVFP4)), (GgmlType.Q1_0, sizeof(Q1_0)), (GgmlType.Q2_0, sizeof(Q2_0)),
            (GgmlType.Q2_K, sizeof(Q2_K)), (GgmlType.Q3_K, sizeof(Q3_K)), (GgmlType.Q4_K, sizeof(Q4_K)), (GgmlType.Q5_K, sizeof(Q5_K)),
            (GgmlType.Q6_K, sizeof(Q6_K)), (GgmlType.Q8_K, sizeof(Q8_K_Weights)),
            (GgmlType.IQ1_S, sizeof(IQ1_S)), (GgmlType.IQ1_M, sizeof(IQ1_M)), (GgmlType.IQ2_XXS, sizeof(IQ2_XXS)), (GgmlType.IQ2_XS, sizeof(IQ2_XS)),
            (GgmlType.IQ2_S, sizeof(IQ2_S)), (GgmlType.IQ3_XXS, sizeof(IQ3_XXS)), (GgmlType.IQ3_S, sizeof(IQ3_S)), (GgmlType.IQ4_XS, sizeof(IQ4_XS)),
            (GgmlType.TQ1_0, sizeof(TQ1_0)), (GgmlType.TQ2_0, sizeof(TQ2_0)),
        ];
        foreach ((GgmlType type, int bytes) in sizes) Assert.AreEqual(GgmlTypes.Get(type).BlockBytes, bytes, type.ToString());
    }

    private static void EachRow(string activation, Action<KernelRow, KernelRow, Random> test)
    {
        // Those that run in scalar form only are left out.
        FormatRow[] formats = [.. KernelTable.Formats.Where(f =>
            f.Activation == Enum.Parse<ActivationFormat>(activation) && f.Type is not (GgmlType.Q8_K or GgmlType.Q8_1))];
        int tested = 0;
        foreach (FormatRow format in formats)
        {
            foreach (KernelRow row in KernelTable.Rows.Where(r => r.Type == format.Type && r.Isa != Isa.Scalar))
            {
                test(row, format.Scalar, new Random(1));
                tested++;
            }
            foreach (KernelRow row in EmulatedVnni.Rows().Where(r => r.Type == format.Type)) test(row, format.Scalar, new Random(1));
        }
        Assert.AreEqual(formats.Length * (KernelTable.SupportedIsas().Length - 1), tested, "a format lacks a row");
    }

    private static void Compare(KernelRow row, KernelRow scalar, Random random, Fill fill, Xs xs, int rows, int k, int tokens, bool gemm)
    {
        int stride = rows + random.Next(3), bytes = (((tokens - 1) * stride) + rows) * sizeof(float);
        using GuardedBuffer w = Weights(row.Type, rows * k, fill, random);
        using GuardedBuffer x = Activations(row.Activation, tokens, k, xs, random);
        using var expected = new GuardedBuffer(bytes);
        using var actual = new GuardedBuffer(bytes);
        using var scratch = new GuardedBuffer(MatMulArgs.GemmScratchBytes(tokens));
        scratch.Span.Fill(0xa5);
        expected.Span.Fill(0x5a); // what lies between the rows of dst stays as it is
        actual.Span.Fill(0x5a);
        var args = new MatMulArgs
        {
            W = w.Data, RowBytes = (nint)GgmlTypes.RowBytes(row.Type, k), Rows = rows, K = k, X = x.Data, XTokenStride = TokenBytes,
            XGroupStride = TokenBytes * tokens, Tokens = tokens, Dst = (float*)expected.Data, DstStride = stride,
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
        Assert.AreEqual(bytes / 4, at, $"{row.Type} {row.Isa} {(gemm ? "gemm" : "gemv")}, {fill}, {xs}, {rows} rows, k = {k}, {tokens} tokens: " +
            $"element {at}{(at < bytes / 4 ? $" is {((float*)actual.Data)[at]:r}, not {((float*)expected.Data)[at]:r}" : "")}");
    }

    /// <summary><paramref name="count"/> values of any bits, every scale finite.</summary>
    private static GuardedBuffer Weights(GgmlType type, int count, Fill fill, Random random)
    {
        var buffer = new GuardedBuffer((int)GgmlTypes.RowBytes(type, count));
        switch (fill)
        {
            case Fill.AllZeroBits: buffer.Span.Clear(); break;
            case Fill.AllOneBits: buffer.Span.Fill(0xff); break;
            case Fill.LowestByte: buffer.Span.Fill(0x80); break;
            case Fill.HighestSignedByte: buffer.Span.Fill(0x7f); break;
            default: random.NextBytes(buffer.Span); break;
        }
        BlockScales.Set(type, buffer.Span,
            () => fill == Fill.ExtremeScales ? BlockScales.Extremes[random.Next(BlockScales.Extremes.Length)] : BlockScales.Ordinary(random));
        return buffer;
    }

    /// <summary>[group][token]; missing blocks of the last group are zero.</summary>
    private static GuardedBuffer Activations(ActivationFormat format, int tokens, int k, Xs xs, Random random)
    {
        var buffer = new GuardedBuffer((k + 255) / 256 * tokens * TokenBytes);
        buffer.Span.Clear();
        for (int i = 0; i < k; i++)
            for (int t = 0; t < tokens; t++)
            {
                byte* group = buffer.Data + (((i / 256 * tokens) + t) * TokenBytes);
                int at = i % 256, q = xs switch
                {
                    Xs.Random => random.Next(-127, 128),
                    Xs.Lowest => -127,
                    Xs.Highest => 127,
                    Xs.Alternating => i % 2 == 0 ? 127 : -127,
                    _ => 0,
                };
                ((sbyte*)group)[at] = (sbyte)q;
                if (format == ActivationFormat.Q8_K)
                {
                    var block = (Q8_K*)group;
                    if (at == 0) block->D = xs == Xs.Zero ? 0 : random.NextSingle();
                    block->Sums16[at / 16] += (short)q;
                    block->Sums32[at / 32] += (short)q;
                }
                else
                {
                    var blocks = (Q8_32*)group;
                    if (at % 32 == 0) blocks->D[at / 32] = xs == Xs.Zero ? 0 : random.NextSingle();
                    blocks->Sums[at / 32] += q;
                }
            }
        return buffer;
    }
}
