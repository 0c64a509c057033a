using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Kernels;

/// <summary>The quantizers of activations: each instruction set gives the bytes of the scalar ones, which keep the rule.</summary>
[TestClass]
public unsafe class QuantizeKernelTests
{
    [TestMethod]
    public void EveryInstructionSetGivesTheScalarBytes()
    {
        var random = new Random(2);
        int rounds = Settings.Full ? 2000 : 60;
        foreach (Isa isa in KernelTable.SupportedIsas())
        {
            FloatKernels kernels = FloatKernels.For(isa);
            for (int round = 0; round < rounds; round++)
            {
                int k = 32 * random.Next(1, 30);
                using GuardedBuffer x = Row(k, round % 9, random);
                Compare(kernels.QuantizeQ8_32, &Q8_32.Quantize, x, k, $"{isa} Q8_32, kind {round % 9}, k = {k}");
                k = 256 * random.Next(1, 5);
                using GuardedBuffer y = Row(k, round % 9, random);
                Compare(kernels.QuantizeQ8_K, &Q8_K.Quantize, y, k, $"{isa} Q8_K, kind {round % 9}, k = {k}");
            }
        }
    }

    [TestMethod]
    public void TiesGoToEvenAndTheLargestTo127()
    {
        float* x = stackalloc float[32];
        for (int i = 0; i < 32; i++) x[i] = i - 15.5f;
        x[31] = -127; // scale 1: the values are halves
        foreach (Isa isa in KernelTable.SupportedIsas())
        {
            Q8_32 group;
            Assert.IsTrue(FloatKernels.For(isa).QuantizeQ8_32(x, 32, (byte*)&group, Q8_32.Bytes));
            Assert.AreEqual(1f, group.D[0]);
            int sum = 0;
            for (int i = 0; i < 32; i++)
            {
                Assert.AreEqual((int)Math.Round((double)x[i], MidpointRounding.ToEven), group.Qs[i], $"{isa}, {x[i]}");
                sum += group.Qs[i];
            }
            Assert.AreEqual(sum, group.Sums[0]);
            Assert.IsFalse(new Span<byte>(&group, Q8_32.Bytes)[32..Q8_32.DOffset].ContainsAnyExcept((byte)0), "the missing blocks are zero");
        }
    }

    [TestMethod]
    public void ValuesThatAreNotFiniteAreReportedAndTheirBlockIsZero()
    {
        float* x = stackalloc float[256];
        foreach (Isa isa in KernelTable.SupportedIsas())
            foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
                for (int at = 0; at < 256; at += 17)
                {
                    new Span<float>(x, 256).Fill(0.5f);
                    x[at] = bad;
                    Q8_K block;
                    Q8_32 group;
                    Assert.IsFalse(FloatKernels.For(isa).QuantizeQ8_K(x, 256, (byte*)&block, Q8_K.Bytes), $"{isa} {bad} {at}");
                    Assert.AreEqual(0f, block.D);
                    Assert.IsFalse(FloatKernels.For(isa).QuantizeQ8_32(x, 256, (byte*)&group, Q8_32.Bytes), $"{isa} {bad} {at}");
                    Assert.AreEqual(0f, group.D[at / 32]);
                    Assert.AreEqual(0, group.Sums[at / 32]);
                    Assert.AreEqual(127 * 32, group.Sums[((at / 32) + 1) % 8]);
                }
    }

    private static void Compare(delegate*<float*, int, byte*, nint, bool> kernel, delegate*<float*, int, byte*, nint, bool> scalar,
        GuardedBuffer x, int k, string what)
    {
        int groups = (k + 255) / 256;
        const int Stride = Q8_32.Bytes + 64;
        int bytes = ((groups - 1) * Stride) + Q8_32.Bytes;
        using var expected = new GuardedBuffer(bytes);
        using var actual = new GuardedBuffer(bytes);
        expected.Span.Fill(0x5a); // what no value is written to stays as it is
        actual.Span.Fill(0x5a);
        bool finite = scalar((float*)x.Data, k, expected.Data, Stride);
        Assert.AreEqual(finite, kernel((float*)x.Data, k, actual.Data, Stride), what);
        Assert.AreEqual(bytes, actual.Span.CommonPrefixLength(expected.Span), what);
    }

    private static GuardedBuffer Row(int k, int kind, Random random)
    {
        var buffer = new GuardedBuffer(k * sizeof(float));
        var x = new Span<float>(buffer.Data, k);
        for (int i = 0; i < k; i++)
        {
            float unit = (2 * random.NextSingle()) - 1;
            x[i] = kind switch
            {
                0 => unit,
                1 => unit * 1e-40f, // subnormal
                2 => unit * float.MaxValue,
                3 => (random.Next(-254, 255) * 0.5f) + 0f, // ties wherever the block holds 127
                4 => random.Next(3) == 0 ? -0f : 0f,
                5 => unit * MathF.Pow(2, -100 + random.Next(-2, 3)), // about the smallest amax
                6 => BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)), // NaN and infinity included
                7 => unit * MathF.Pow(10, random.Next(-20, 20)),
                _ => random.Next(2) == 0 ? 1 : -1,
            };
            if (kind == 3 && i % 32 == 5) x[i] = 127;
        }
        return buffer;
    }
}
