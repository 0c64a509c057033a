using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Every kernel row of the float formats gives the bits of the scalar one, for any length, and stays inside its buffers.</summary>
[TestClass]
public unsafe class FloatMatMulTests
{
    private static readonly GgmlType[] s_types = [GgmlType.F32, GgmlType.F16, GgmlType.BF16];
    private static readonly bool s_full = Settings.Full;

    [TestMethod]
    public void GemvEqualsScalar() => EachRow((row, scalar, random) =>
    {
        int[] lengths = [.. Enumerable.Range(1, s_full ? 272 : 40), 64, 72, 255, 256, 257, 511, 512, 513, 1024, 1030, 4096];
        foreach (int k in lengths) Compare(row, scalar, random, 1 + random.Next(9), k, 1, gemm: false);
    });

    [TestMethod]
    public void GemmEqualsScalar() => EachRow((row, scalar, random) =>
    {
        int[] tokens = [1, 2, 3, 4, 5, 7, 8, 33, 63, 64, 65, 130];
        int[] heights = s_full ? [.. Enumerable.Range(1, 70)] : [1, 2, 3, 4, 5, 15, 16, 17, 31, 33];
        foreach (int rows in heights) Compare(row, scalar, random, rows, 1 + random.Next(600), tokens[random.Next(tokens.Length)], gemm: true);
        foreach (int count in tokens) Compare(row, scalar, random, 17, count % 2 == 0 ? 1024 : 520, count, gemm: true);
    });

    [TestMethod]
    public void VecDotIsTheDotProduct()
    {
        var random = new Random(5);
        foreach (FormatRow format in KernelTable.Formats.Where(f => s_types.Contains(f.Type)))
            for (int k = 1; k <= 100; k++)
            {
                using GuardedBuffer w = Weights(format.Type, k, random), x = Activations(1, k, random);
                double dot = 0, size = 0;
                int bytes = GgmlTypes.Get(format.Type).BlockBytes;
                float y;
                for (int i = 0; i < k; i++)
                {
                    format.Dequantize(w.Data + (i * bytes), &y);
                    dot += (double)y * ((float*)x.Data)[i];
                    size += Math.Abs((double)y * ((float*)x.Data)[i]);
                }
                Assert.AreEqual(dot, format.VecDot(w.Data, k, x.Data, 1024), size * 2e-6, $"{format.Type}, k = {k}");
            }
    }

    private static void EachRow(Action<KernelRow, KernelRow, Random> test)
    {
        foreach (KernelRow row in KernelTable.Rows.Where(r => s_types.Contains(r.Type) && r.Isa != Isa.Scalar))
            test(row, KernelTable.Rows.Single(r => r.Type == row.Type && r.Isa == Isa.Scalar), new Random(11));
    }

    private static void Compare(KernelRow row, KernelRow scalar, Random random, int rows, int k, int tokens, bool gemm)
    {
        using GuardedBuffer w = Weights(row.Type, rows * k, random), x = Activations(tokens, k, random);
        using GuardedBuffer expected = new(rows * tokens * sizeof(float)), actual = new(rows * tokens * sizeof(float));
        using GuardedBuffer scratch = new(MatMulArgs.GemmScratchBytes(tokens) + 64);
        var args = new MatMulArgs
        {
            W = w.Data, RowBytes = k * GgmlTypes.Get(row.Type).BlockBytes, Rows = rows, K = k, X = x.Data, XTokenStride = Padded(k) * sizeof(float),
            XGroupStride = 1024, Tokens = tokens, Dst = (float*)expected.Data, DstStride = rows, Scratch = (byte*)(((nint)scratch.Data + 63) & ~63),
        };
        (gemm ? scalar.Gemm : scalar.Gemv)(&args);
        args.Dst = (float*)actual.Data;
        (gemm ? row.Gemm : row.Gemv)(&args);
        Assert.IsTrue(expected.Span.SequenceEqual(actual.Span), $"{row.Type} {row.Isa} {(gemm ? "gemm" : "gemv")}: rows {rows}, k {k}, tokens {tokens}");
    }

    // Finite values of all sizes, subnormal ones among them: no sum of products overflows.
    private static GuardedBuffer Weights(GgmlType type, int count, Random random)
    {
        int bytes = GgmlTypes.Get(type).BlockBytes;
        var buffer = new GuardedBuffer(count * bytes);
        for (int i = 0; i < count; i++)
        {
            float value = (random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(-30, 8));
            uint bits = BitConverter.SingleToUInt32Bits(value);
            Span<byte> place = buffer.Span[(i * bytes)..];
            if (type == GgmlType.F32) BitConverter.TryWriteBytes(place, value);
            else BitConverter.TryWriteBytes(place, type == GgmlType.F16 ? HalfFloat.FromSingle(value) : (ushort)(bits >> 16));
        }
        return buffer;
    }

    private static GuardedBuffer Activations(int tokens, int k, Random random)
    {
        var buffer = new GuardedBuffer(tokens * Padded(k) * sizeof(float));
        buffer.Span.Clear();
        for (int t = 0; t < tokens; t++)
            for (int i = 0; i < k; i++)
                ((float*)buffer.Data)[(t * Padded(k)) + i] = (random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(-20, 8));
        return buffer;
    }

    private static int Padded(int k) => (k + 15) & ~15;
}
