using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>How each type of the cache stores a row: how close it is, on every instruction set, and what it does with numbers at the border.</summary>
[TestClass]
public sealed unsafe class KvFormatTests
{
    private static readonly float[] s_borders = [0, -0f, 1e-45f, -1e-39f, 1e-30f, 65504, -65520, 1e6f, 3e38f, -3.4e38f, 1, -1];

    // Of 32 values of magnitude 1 at most, what a value may be off.
    [TestMethod]
    [DataRow(KvType.F32, 0)]
    [DataRow(KvType.F16, 1.0 / 2048)]
    [DataRow(KvType.BF16, 1.0 / 256)]
    [DataRow(KvType.Q8_0, 1.2 / 254)]
    [DataRow(KvType.Q5_1, 1.01 / 31)]
    [DataRow(KvType.Q5_0, 1.01 / 16)]
    [DataRow(KvType.Q4_1, 1.01 / 15)]
    [DataRow(KvType.Q4_0, 1.01 / 8)]
    [DataRow(KvType.IQ4_NL, 0.16)]
    public void AValueIsAsCloseAsItsBitsAllow(KvType type, double most)
    {
        var random = new Random(1);
        double squares = 0, errors = 0;
        for (int round = 0; round < 200; round++)
        {
            float[] x = [.. Enumerable.Range(0, 64).Select(_ => (float)((random.NextDouble() * 2) - 1))], y = RoundTrip(type, x, Isa.Scalar);
            for (int i = 0; i < x.Length; i++)
            {
                Assert.AreEqual(x[i], y[i], most, $"{x[i]} became {y[i]}");
                squares += x[i] * x[i];
                errors += (x[i] - y[i]) * (x[i] - y[i]);
            }
        }
        Assert.IsLessThanOrEqualTo(most, Math.Sqrt(errors / squares), "of the root mean square");
    }

    [TestMethod]
    public void EveryInstructionSetReadsTheBitsOfTheReference()
    {
        var random = new Random(2);
        foreach (KvType type in Enum.GetValues<KvType>())
            for (int round = 0; round < 50; round++)
            {
                int length = 32 * random.Next(1, 5);
                float[] x = [.. Enumerable.Range(0, length).Select(_ => round % 2 == 0 ? random.NextSingle() - 0.5f : s_borders[random.Next(s_borders.Length)])];
                float[] expected = RoundTrip(type, x, Isa.Scalar);
                Assert.IsTrue(Array.TrueForAll(expected, float.IsFinite), $"{type}: {string.Join(' ', x)}");
                foreach (Isa isa in KernelTable.SupportedIsas())
                    CollectionAssert.AreEqual(Bits(expected), Bits(RoundTrip(type, x, isa)), $"{type} {isa}");
            }
    }

    [TestMethod]
    public void ARowIsFilledUpWithZerosAndEndsThere()
    {
        foreach (KvType type in Enum.GetValues<KvType>())
            foreach (int n in (int[])[1, 31, 32, 40, 80])
            {
                KvFormat format = KvFormat.All[(int)type];
                int padded = AttentionArgs.PaddedHeadDim(n), bytes = AttentionArgs.RowBytes(type, n);
                using var row = new GuardedBuffer(bytes);
                new Span<byte>(row.Data, bytes).Fill(0xff);
                float[] x = [.. Enumerable.Range(0, n).Select(i => i - 7.5f)], y = new float[padded];
                fixed (float* from = x, to = y)
                {
                    Assert.IsTrue(format.Store(from, row.Data, n));
                    KernelSet.For(Isa.Scalar).Float.LoadKv[(int)type](row.Data, bytes, 1, padded, to);
                }
                Assert.IsTrue(format.AreFinite(new ReadOnlySpan<byte>(row.Data, bytes)), $"{type} {n}");
                for (int i = n; i < padded; i++) Assert.AreEqual(0, y[i], 3, $"{type} {n}: a level for zero");
            }
    }

    [TestMethod]
    public void WhatIsNotFiniteIsTold()
    {
        foreach (KvType type in Enum.GetValues<KvType>())
        {
            KvFormat format = KvFormat.All[(int)type];
            byte[] row = new byte[AttentionArgs.RowBytes(type, 64)];
            foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
                for (int at = 0; at < 64; at += 21)
                {
                    float[] x = new float[64];
                    x[at] = bad;
                    fixed (float* from = x)
                    fixed (byte* to = row)
                        Assert.IsFalse(format.Store(from, to, 64), $"{type} {bad}");
                }
            foreach (int at in (int[])[0, row.Length / 2])
            {
                Array.Clear(row);
                Assert.IsTrue(format.AreFinite(row), $"{type}");
                row.AsSpan(at, 4).Fill(0xff);
                Assert.IsFalse(format.AreFinite(row), $"{type} {at}");
            }
        }
        foreach (KvType type in (KvType[])[KvType.Q4_1, KvType.Q5_1])
        {
            byte[] row = new byte[AttentionArgs.RowBytes(type, 32)];
            row[3] = 0x7c;
            Assert.IsFalse(KvFormat.All[(int)type].AreFinite(row), $"{type}: a minimum");
        }
    }

    private static uint[] Bits(float[] values) => Array.ConvertAll(values, BitConverter.SingleToUInt32Bits);

    private static float[] RoundTrip(KvType type, float[] x, Isa isa)
    {
        byte[] row = new byte[AttentionArgs.RowBytes(type, x.Length)];
        float[] y = new float[x.Length];
        fixed (float* from = x, to = y)
        fixed (byte* p = row)
        {
            Assert.IsTrue(KvFormat.All[(int)type].Store(from, p, x.Length));
            KernelSet.For(isa).Float.LoadKv[(int)type](p, row.Length, 1, x.Length, to);
        }
        return y;
    }
}
