using Edge.Llm.Gguf;
using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Every kernel row of the formats with blocks of 32 gives the bits of the scalar one and stays inside its buffers.</summary>
[TestClass]
public unsafe class BlockKernelTests
{
    private static readonly GgmlType[] s_types = [GgmlType.Q4_0, GgmlType.Q4_1, GgmlType.Q5_0, GgmlType.Q5_1, GgmlType.Q8_0];
    private static readonly bool s_full = Environment.GetEnvironmentVariable("EDGE_LLM_FULL") == "1";

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
        int[] lengths = [.. Enumerable.Range(1, 17).Select(b => 32 * b), 1024, 2048 + 32, 8192 + 96, 8448, 16384 + 224];
        foreach (int k in lengths)
            foreach (Fill fill in Enum.GetValues<Fill>())
                Compare(row, scalar, random, fill, rows: 1 + random.Next(4), k, tokens: 1, gemm: false);
        for (int rows = 1; rows <= (s_full ? 70 : 9); rows++) Compare(row, scalar, random, Fill.Random, rows, 32 * random.Next(1, 40), 1, false);
    });

    [TestMethod]
    public void GemmEqualsScalar() => EachRow((row, scalar, random) =>
    {
        int[] counts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 33];
        int[] heights = s_full ? [.. Enumerable.Range(1, 70)] : [1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 70];
        foreach (int rows in heights)
            foreach (int tokens in s_full ? counts : [counts[random.Next(10)]])
                Compare(row, scalar, random, (Fill)random.Next(5), rows, 32 * random.Next(1, 20), tokens, true);
        foreach (int tokens in counts)
            foreach (Fill fill in Enum.GetValues<Fill>())
                Compare(row, scalar, random, fill, 33, tokens % 2 == 0 ? 512 : 256 + (32 * random.Next(1, 8)), tokens, true);
    });

    [TestMethod]
    public void VecDotIsTheDotProductOfDequantizedValues()
    {
        var random = new Random(3);
        foreach (FormatRow format in KernelTable.Formats.Where(f => s_types.Contains(f.Type)))
        {
            int blockBytes = GgmlTypes.Get(format.Type).BlockBytes;
            for (int k = 32; k <= 320; k += 32)
            {
                using GuardedBuffer w = Weights(format.Type, k / 32, Fill.Random, random);
                using GuardedBuffer x = Activations(1, k, random, full: false);
                double dot = 0, size = 0;
                float* y = stackalloc float[32];
                for (int b = 0; b < k / 32; b++)
                {
                    format.Dequantize(w.Data + (b * blockBytes), y);
                    var group = (Q8_0x8*)(x.Data + (b / 8 * Q8_0x8.Bytes));
                    for (int i = 0; i < 32; i++)
                    {
                        double product = (double)y[i] * group->D[b % 8] * group->Qs[(32 * (b % 8)) + i];
                        dot += product;
                        size += Math.Abs(product);
                    }
                }
                // Sixteen roundings at most stand between a product and the sum.
                Assert.AreEqual(dot, format.VecDot(w.Data, k, x.Data, Q8_0x8.Bytes), size * 1e-6, $"{format.Type}, k = {k}");
            }
        }
    }

    [TestMethod]
    public void BlockStructsHaveTheirFileSizes()
    {
        int[] sizes = [sizeof(Q4_0), sizeof(Q4_1), sizeof(Q5_0), sizeof(Q5_1), sizeof(Q8_0),
            Q4_0.Bytes, Q4_1.Bytes, Q5_0.Bytes, Q5_1.Bytes, Q8_0.Bytes];
        for (int i = 0; i < sizes.Length; i++) Assert.AreEqual(GgmlTypes.Get(s_types[i % 5]).BlockBytes, sizes[i], s_types[i % 5].ToString());
    }

    private static void EachRow(Action<KernelRow, KernelRow, Random> test)
    {
        int tested = 0;
        foreach (GgmlType type in s_types)
        {
            KernelRow scalar = KernelTable.Rows.Single(r => r.Type == type && r.Isa == Isa.Scalar);
            foreach (KernelRow row in KernelTable.Rows.Where(r => r.Type == type && r.Isa != Isa.Scalar))
            {
                test(row, scalar, new Random(1));
                tested++;
            }
        }
        Assert.AreEqual(s_types.Length * (KernelTable.SupportedIsas().Length - 1), tested, "a format lacks a row");
    }

    private static void Compare(KernelRow row, KernelRow scalar, Random random, Fill fill, int rows, int k, int tokens, bool gemm)
    {
        nint rowBytes = (nint)GgmlTypes.RowBytes(row.Type, k);
        int stride = rows + random.Next(3), bytes = (((tokens - 1) * stride) + rows) * sizeof(float);
        using GuardedBuffer w = Weights(row.Type, rows * k / 32, fill, random);
        using GuardedBuffer x = Activations(tokens, k, random, full: random.Next(4) == 0);
        using var expected = new GuardedBuffer(bytes);
        using var actual = new GuardedBuffer(bytes);
        using var scratch = new GuardedBuffer((MatMulArgs.GemmScratchBytes(tokens) + 63) / 64 * 64);
        scratch.Span.Fill(0xa5);
        expected.Span.Fill(0x5a); // what lies between the rows of dst stays as it is
        actual.Span.Fill(0x5a);
        var args = new MatMulArgs
        {
            W = w.Data, RowBytes = rowBytes, Rows = rows, K = k, X = x.Data, XTokenStride = Q8_0x8.Bytes,
            XGroupStride = Q8_0x8.Bytes * tokens, Tokens = tokens, Dst = (float*)expected.Data, DstStride = stride,
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

    private static GuardedBuffer Weights(GgmlType type, int blocks, Fill fill, Random random)
    {
        int blockBytes = GgmlTypes.Get(type).BlockBytes;
        var buffer = new GuardedBuffer(blocks * blockBytes);
        switch (fill)
        {
            case Fill.AllZeroBits: buffer.Span.Clear(); break;
            case Fill.AllOneBits: buffer.Span.Fill(0xff); break;
            case Fill.LowestByte: buffer.Span.Fill(0x80); break;
            default: random.NextBytes(buffer.Span); break;
        }
        // Subnormals, zeros of both signs, the largest; all finite.
        ushort[] extremes = [0, 0x8000, 1, 0x8001, 0x03ff, 0x0400, 0x7bff, 0xfbff, 0x3c00, 0xbc00];
        bool hasMin = type is GgmlType.Q4_1 or GgmlType.Q5_1;
        for (int b = 0; b < blocks; b++)
            for (int h = 0; h < (hasMin ? 2 : 1); h++)
                ((ushort*)(buffer.Data + (b * blockBytes)))[h] = fill == Fill.ExtremeScales
                    ? extremes[random.Next(extremes.Length)]
                    : HalfFloat.FromSingle((random.NextSingle() - 0.4f) * 0.1f);
        return buffer;
    }

    /// <summary>[group][token]; missing blocks of the last group are zero. Full: every value is 127 or -127.</summary>
    private static GuardedBuffer Activations(int tokens, int k, Random random, bool full)
    {
        int groups = (k + 255) / 256, sign = random.Next(2) == 0 ? 127 : -127;
        var buffer = new GuardedBuffer(groups * tokens * Q8_0x8.Bytes);
        buffer.Span.Clear();
        for (int b = 0; b < k / 32; b++)
            for (int t = 0; t < tokens; t++)
            {
                var group = (Q8_0x8*)(buffer.Data + (((b / 8 * tokens) + t) * Q8_0x8.Bytes));
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
