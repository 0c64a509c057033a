using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Every kernel row of the formats with super-blocks gives the bits of the scalar one and stays inside its buffers.</summary>
[TestClass]
public unsafe class SuperBlockKernelTests
{
    private static readonly bool s_full = Settings.Full;

    private static readonly FormatRow[] s_formats = [.. KernelTable.Formats.Where(f => f.Activation == ActivationFormat.Q8_K && f.Type != GgmlType.Q8_K)];

    private enum Fill
    {
        Random,
        ExtremeHalves,
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
    public void GemvEqualsScalar() => EachRow((row, scalar, random) =>
    {
        for (int blocks = 1; blocks <= 17; blocks++)
            foreach (Fill fill in Enum.GetValues<Fill>())
                Compare(row, scalar, random, fill, (Xs)random.Next(5), rows: 1 + random.Next(4), blocks, tokens: 1, gemm: false);
        foreach (Fill fill in Enum.GetValues<Fill>())
            foreach (Xs xs in Enum.GetValues<Xs>())
                Compare(row, scalar, random, fill, xs, 2, 5, 1, false);
        for (int rows = 1; rows <= (s_full ? 70 : 9); rows++) Compare(row, scalar, random, Fill.Random, Xs.Random, rows, random.Next(1, 9), 1, false);
    });

    [TestMethod]
    public void GemmEqualsScalar() => EachRow((row, scalar, random) =>
    {
        int[] counts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 33];
        int[] heights = s_full ? [.. Enumerable.Range(1, 70)] : [1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 70];
        foreach (int rows in heights)
            foreach (int tokens in s_full ? counts : [counts[random.Next(9)]])
                Compare(row, scalar, random, (Fill)random.Next(6), (Xs)random.Next(5), rows, random.Next(1, 4), tokens, true);
        foreach (int tokens in counts)
            foreach (Fill fill in Enum.GetValues<Fill>())
                Compare(row, scalar, random, fill, Xs.Random, 33, 1 + (tokens % 2), tokens, true);
        foreach (Fill fill in Enum.GetValues<Fill>())
            foreach (Xs xs in Enum.GetValues<Xs>())
                Compare(row, scalar, random, fill, xs, 32, 1, 5, true);
    });

    [TestMethod]
    public void VecDotIsTheDotProductOfDequantizedValues()
    {
        var random = new Random(3);
        foreach (FormatRow format in KernelTable.Formats.Where(f => f.Activation == ActivationFormat.Q8_K))
        {
            GgmlType type = format.Type;
            int blockBytes = GgmlTypes.Get(type).BlockBytes;
            for (int blocks = 1; blocks <= 9; blocks++)
            {
                using GuardedBuffer w = Weights(type, blocks, Fill.Random, random);
                using GuardedBuffer x = Activations(1, blocks, Xs.Random, random);
                double dot = 0, size = 0;
                float* y = stackalloc float[256];
                for (int b = 0; b < blocks; b++)
                {
                    format.Dequantize(w.Data + (b * blockBytes), y);
                    var block = (Q8_K*)(x.Data + (b * Q8_K.Bytes));
                    for (int i = 0; i < 256; i++)
                    {
                        double product = (double)y[i] * block->D * block->Qs[i];
                        dot += product;
                        size += Math.Abs(product);
                    }
                }
                Assert.AreEqual(dot, format.VecDot(w.Data, 256 * blocks, x.Data, Q8_K.Bytes), size * 2e-6, $"{type}, {blocks} blocks");
            }
        }
    }

    [TestMethod]
    public void BlockStructsHaveTheirFileSizes()
    {
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q2_K).BlockBytes, sizeof(Q2_K));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q3_K).BlockBytes, sizeof(Q3_K));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q4_K).BlockBytes, sizeof(Q4_K));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q5_K).BlockBytes, sizeof(Q5_K));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q6_K).BlockBytes, sizeof(Q6_K));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.Q8_K).BlockBytes, sizeof(Q8_K_Weights));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ1_S).BlockBytes, sizeof(IQ1_S));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ1_M).BlockBytes, sizeof(IQ1_M));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ2_XXS).BlockBytes, sizeof(IQ2_XXS));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ2_XS).BlockBytes, sizeof(IQ2_XS));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ2_S).BlockBytes, sizeof(IQ2_S));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ3_XXS).BlockBytes, sizeof(IQ3_XXS));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ3_S).BlockBytes, sizeof(IQ3_S));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.IQ4_XS).BlockBytes, sizeof(IQ4_XS));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.TQ1_0).BlockBytes, sizeof(TQ1_0));
        Assert.AreEqual(GgmlTypes.Get(GgmlType.TQ2_0).BlockBytes, sizeof(TQ2_0));
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
        Assert.AreEqual(s_formats.Length * (KernelTable.SupportedIsas().Length - 1), tested, "a format lacks a row");
    }

    private static void Compare(KernelRow row, KernelRow scalar, Random random, Fill fill, Xs xs, int rows, int blocks, int tokens, bool gemm)
    {
        nint rowBytes = (nint)GgmlTypes.RowBytes(row.Type, 256 * blocks);
        int stride = rows + random.Next(3), bytes = (((tokens - 1) * stride) + rows) * sizeof(float);
        using GuardedBuffer w = Weights(row.Type, rows * blocks, fill, random);
        using GuardedBuffer x = Activations(tokens, blocks, xs, random);
        using var expected = new GuardedBuffer(bytes);
        using var actual = new GuardedBuffer(bytes);
        using var scratch = new GuardedBuffer(MatMulArgs.GemmScratchBytes(tokens));
        scratch.Span.Fill(0xa5);
        expected.Span.Fill(0x5a); // what lies between the rows of dst stays as it is
        actual.Span.Fill(0x5a);
        var args = new MatMulArgs
        {
            W = w.Data, RowBytes = rowBytes, Rows = rows, K = 256 * blocks, X = x.Data, XTokenStride = Q8_K.Bytes, XGroupStride = Q8_K.Bytes * tokens,
            Tokens = tokens, Dst = (float*)expected.Data, DstStride = stride,
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
        Assert.AreEqual(bytes / 4, at, $"{row.Type} {row.Isa} {(gemm ? "gemm" : "gemv")}, {fill}, {xs}, {rows} rows, {blocks} blocks, {tokens} tokens: " +
            $"element {at}{(at < bytes / 4 ? $" is {((float*)actual.Data)[at]:r}, not {((float*)expected.Data)[at]:r}" : "")}");
    }

    /// <summary>Rows of any bits, every half-precision scale finite.</summary>
    private static GuardedBuffer Weights(GgmlType type, int blocks, Fill fill, Random random)
    {
        var buffer = new GuardedBuffer(blocks * GgmlTypes.Get(type).BlockBytes);
        switch (fill)
        {
            case Fill.AllZeroBits: buffer.Span.Clear(); break;
            case Fill.AllOneBits: buffer.Span.Fill(0xff); break;
            case Fill.LowestByte: buffer.Span.Fill(0x80); break;
            case Fill.HighestSignedByte: buffer.Span.Fill(0x7f); break;
            default: random.NextBytes(buffer.Span); break;
        }
        BlockScales.Set(type, buffer.Span,
            () => fill == Fill.ExtremeHalves ? BlockScales.Extremes[random.Next(BlockScales.Extremes.Length)] : BlockScales.Ordinary(random));
        return buffer;
    }

    /// <summary>[super-block][token].</summary>
    private static GuardedBuffer Activations(int tokens, int blocks, Xs xs, Random random)
    {
        var buffer = new GuardedBuffer(blocks * tokens * Q8_K.Bytes);
        buffer.Span.Clear();
        for (int b = 0; b < blocks * tokens; b++)
        {
            var block = (Q8_K*)(buffer.Data + (b * Q8_K.Bytes));
            block->D = xs == Xs.Zero ? 0 : random.NextSingle();
            for (int i = 0; i < 256; i++)
            {
                int q = xs switch
                {
                    Xs.Random => random.Next(-127, 128),
                    Xs.Lowest => -127,
                    Xs.Highest => 127,
                    Xs.Alternating => i % 2 == 0 ? 127 : -127,
                    _ => 0,
                };
                block->Qs[i] = (sbyte)q;
                block->Sums16[i / 16] += (short)q;
                block->Sums32[i / 32] += (short)q;
            }
        }
        return buffer;
    }
}
