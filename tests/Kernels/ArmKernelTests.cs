using Edge.Llm.Gguf;
using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>The NEON kernels give the bits of the scalar reference. On another machine, see .ci/arm64-tests.</summary>
[TestClass]
public unsafe class ArmKernelTests
{
    private enum Fill
    {
        Random,
        AllZeroBits,
        AllOneBits,
        LowestByte,
    }

    // Zeros of both signs, subnormals, the largest, ordinary ones.
    private static readonly ushort[] s_halves = [0, 0x8000, 1, 0x8001, 0x03ff, 0x0400, 0x7bff, 0xfbff, 0x3c00, 0xbc00, 0x2e66, 0x9e66];

    [TestMethod]
    [DataRow(Isa.AdvSimd)]
    [DataRow(Isa.AdvSimdDp)]
    public void GemvEqualsScalar(Isa isa) => EachRow(isa, (row, scalar, random) =>
    {
        int block = GgmlTypes.Get(row.Type).BlockLength;
        for (int blocks = 1; blocks <= 17; blocks++) Compare(row, scalar, random, (Fill)(blocks % 4), 1 + (blocks % 3), block * blocks, 1, false);
        for (int rows = 4; rows <= 20; rows += 4) Compare(row, scalar, random, Fill.Random, rows, 256, 1, false);
    });

    [TestMethod]
    [DataRow(Isa.AdvSimd)]
    [DataRow(Isa.AdvSimdDp)]
    public void GemmEqualsScalar(Isa isa) => EachRow(isa, (row, scalar, random) =>
    {
        int block = GgmlTypes.Get(row.Type).BlockLength;
        for (int rows = 1; rows <= 20; rows++)
            Compare(row, scalar, random, (Fill)(rows % 4), rows, block * random.Next(1, block == 256 ? 3 : 18), 1 + random.Next(9), true);
        for (int tokens = 1; tokens <= 9; tokens++) Compare(row, scalar, random, Fill.Random, 5, 256 + block, tokens, true);
        Compare(row, scalar, random, Fill.Random, 67, 512, 3, true); // more than one tile, and a remainder
    });

    [TestMethod]
    public void QuantizingQ8_KEqualsScalar() => CompareQuantizing(ActivationFormat.Q8_K);

    [TestMethod]
    public void QuantizingQ8_0x8EqualsScalar() => CompareQuantizing(ActivationFormat.Q8_0x8);

    private static void CompareQuantizing(ActivationFormat format)
    {
        Require(Isa.AdvSimd);
        FloatKernels scalar = FloatKernels.For(Isa.Scalar), arm = FloatKernels.For(Isa.AdvSimd);
        var random = new Random(5);
        float[] specials = [0f, -0f, float.Epsilon, -1e-38f, 1e-30f, 7.888609e-31f, 7.8886085e-31f, 1e38f, float.MaxValue, 0.5f, -1.5f, 127f, -63.5f];
        for (int round = 0; round < 60; round++)
        {
            int k = format == ActivationFormat.Q8_K ? 256 * random.Next(1, 4) : 32 * random.Next(1, 20);
            int bytes = (k + 255) / 256 * 320;
            using var x = new GuardedBuffer(k * sizeof(float));
            using var expected = new GuardedBuffer(bytes);
            using var actual = new GuardedBuffer(bytes);
            expected.Span.Fill(0x5a);
            actual.Span.Fill(0x5a);
            var v = (float*)x.Data;
            for (int i = 0; i < k; i++)
                v[i] = (round % 6) switch
                {
                    0 => random.NextSingle() - 0.5f,
                    1 => specials[random.Next(specials.Length)],
                    2 => specials[random.Next(7)], // blocks at the limit of zero
                    3 => random.Next(-254, 255) * 0.5f, // ties
                    4 => i == k / 2 ? 127f : random.Next(-254, 255) * 0.5f,
                    _ => BitConverter.Int32BitsToSingle(random.Next() ^ (random.Next() << 1)), // any bits, NaN included
                };
            bool e = format == ActivationFormat.Q8_K ? scalar.QuantizeQ8_K(v, k, expected.Data, 320) : scalar.QuantizeQ8_0x8(v, k, expected.Data, 320);
            bool a = format == ActivationFormat.Q8_K ? arm.QuantizeQ8_K(v, k, actual.Data, 320) : arm.QuantizeQ8_0x8(v, k, actual.Data, 320);
            Assert.AreEqual(e, a, $"{format}, round {round}");
            Assert.AreEqual(bytes, actual.Span.CommonPrefixLength(expected.Span), $"{format}, round {round}, k = {k}: first different byte");
        }
    }

    private static void Require(Isa isa)
    {
        if (!KernelTable.SupportedIsas().Contains(isa)) Assert.Inconclusive($"this machine has no {isa}");
    }

    private static void EachRow(Isa isa, Action<KernelRow, KernelRow, Random> test)
    {
        Require(isa);
        KernelRow[] rows = [.. KernelTable.Rows.Where(r => r.Isa == isa && r.Activation is (ActivationFormat.Q8_K or ActivationFormat.Q8_0x8))];
        Assert.AreEqual(10, rows.Length, "a format lacks a row");
        foreach (KernelRow row in rows) test(row, KernelTable.Rows.Single(r => r.Type == row.Type && r.Isa == Isa.Scalar), new Random(1));
    }

    private static void Compare(KernelRow row, KernelRow scalar, Random random, Fill fill, int rows, int k, int tokens, bool gemm)
    {
        int stride = rows + random.Next(3), bytes = (((tokens - 1) * stride) + rows) * sizeof(float);
        using GuardedBuffer w = Weights(row.Type, rows * k / GgmlTypes.Get(row.Type).BlockLength, fill, random);
        using GuardedBuffer x = Activations(row.Activation, tokens, k, random);
        using var expected = new GuardedBuffer(bytes);
        using var actual = new GuardedBuffer(bytes);
        using var scratch = new GuardedBuffer((MatMulArgs.GemmScratchBytes(tokens) + 63) / 64 * 64);
        scratch.Span.Fill(0xa5);
        expected.Span.Fill(0x5a); // what lies between the rows of dst stays as it is
        actual.Span.Fill(0x5a);
        var args = new MatMulArgs
        {
            W = w.Data, RowBytes = (nint)GgmlTypes.RowBytes(row.Type, k), Rows = rows, K = k, X = x.Data, XTokenStride = 320, XGroupStride = 320 * tokens,
            Tokens = tokens, Dst = (float*)expected.Data, DstStride = stride, Scratch = gemm ? scratch.Data : null,
        };
        scalar.Gemm(&args);
        args.Dst = (float*)actual.Data;
        if (gemm) row.Gemm(&args);
        else row.Gemv(&args);
        int at = actual.Span.CommonPrefixLength(expected.Span) / 4;
        Assert.AreEqual(bytes / 4, at, $"{row.Type} {row.Isa} {(gemm ? "gemm" : "gemv")}, {fill}, {rows} rows, k = {k}, {tokens} tokens: " +
            $"element {at}{(at < bytes / 4 ? $" is {((float*)actual.Data)[at]:r}, not {((float*)expected.Data)[at]:r}" : "")}");
    }

    private static GuardedBuffer Weights(GgmlType type, int blocks, Fill fill, Random random)
    {
        int blockBytes = GgmlTypes.Get(type).BlockBytes;
        var buffer = new GuardedBuffer(blocks * blockBytes);
        if (fill == Fill.Random) random.NextBytes(buffer.Span);
        else buffer.Span.Fill(fill switch { Fill.AllOneBits => 0xff, Fill.LowestByte => 0x80, _ => 0 });
        int[] halves = type switch
        {
            GgmlType.Q4_1 or GgmlType.Q5_1 or GgmlType.Q4_K or GgmlType.Q5_K => [0, 2],
            GgmlType.Q2_K => [80, 82],
            GgmlType.Q3_K => [108],
            GgmlType.Q6_K => [208],
            _ => [0],
        };
        for (int b = 0; b < blocks; b++)
        {
            foreach (int offset in halves)
                *(ushort*)(buffer.Data + (b * blockBytes) + offset) = random.Next(2) == 0
                    ? s_halves[random.Next(s_halves.Length)]
                    : HalfFloat.FromSingle((random.NextSingle() - 0.4f) * 0.1f);
            if (type == GgmlType.Q6_K && b % 2 == 1) new Span<byte>(buffer.Data + (b * blockBytes) + 192, 16).Fill(0x80); // the lowest scale
        }
        return buffer;
    }

    /// <summary>[group][token], values random or, in a quarter of the groups, all 127 or all -127; missing blocks of the last group are zero.</summary>
    private static GuardedBuffer Activations(ActivationFormat format, int tokens, int k, Random random)
    {
        int groups = (k + 255) / 256;
        var buffer = new GuardedBuffer(groups * tokens * 320);
        buffer.Span.Clear();
        for (int g = 0; g < groups; g++)
            for (int t = 0; t < tokens; t++)
            {
                byte* group = buffer.Data + (((g * tokens) + t) * 320);
                int extreme = random.Next(8) switch { 0 => 127, 1 => -127, _ => 0 };
                int length = Math.Min(256, k - (256 * g));
                for (int i = 0; i < length; i++)
                {
                    var q = (sbyte)(extreme != 0 ? extreme : random.Next(-127, 128));
                    ((sbyte*)group)[i] = q;
                    if (format == ActivationFormat.Q8_0x8) ((Q8_0x8*)group)->Sums[i / 32] += q;
                    else
                    {
                        ((Q8_K*)group)->Sums16[i / 16] += q;
                        ((Q8_K*)group)->Sums32[i / 32] += q;
                    }
                }
                if (format == ActivationFormat.Q8_K) ((Q8_K*)group)->D = random.NextSingle();
                else for (int b = 0; b < length / 32; b++) ((Q8_0x8*)group)->D[b] = random.NextSingle();
            }
        return buffer;
    }
}
