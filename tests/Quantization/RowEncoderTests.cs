using System.Security.Cryptography;
using Edge.Llm.Kernels;
using Edge.Llm.Quantization;

namespace Edge.Llm.Tests.Quantization;

/// <summary>Encoders: the same bytes on every instruction set, errors below llama.cpp's published limits, and sense for odd rows.</summary>
[TestClass]
public sealed unsafe class RowEncoderTests
{
    // Two and a half tiles of the widest kind, so that each row ends in a part of a tile.
    private const int K = 256 * 5;

    public static IEnumerable<object[]> Types => RowEncoders.Types.Select(type => new object[] { type });

    public static IEnumerable<object[]> Rows => Samples().Select(sample => new object[] { sample.Name });

    [TestMethod]
    [DynamicData(nameof(Rows))]
    public void EveryInstructionSetGivesTheSameBytes(string name)
    {
        float[] x = Samples().First(sample => sample.Name == name).Values;
        float[] columns = Columns(7);
        foreach (GgmlType type in RowEncoders.Types)
            foreach (float[]? weights in (float[]?[])[null, columns])
            {
                byte[] expected = Encode(RowEncoders.For(Isa.Scalar), type, x, weights);
                foreach (Isa isa in KernelTable.SupportedIsas())
                    CollectionAssert.AreEqual(expected, Encode(RowEncoders.For(isa), type, x, weights), $"{type} {isa}");
            }
    }

    /// <summary>Hash of what all encoders make of the same rows, here and on every other processor.</summary>
    [TestMethod]
    [TestCategory("Isa")]
    public void TheBytesAreTheSameEverywhere()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (GgmlType type in RowEncoders.Types)
            for (int seed = 0; seed < 4; seed++)
                hash.AppendData(Encode(type, Gauss(seed), seed % 2 == 0 ? null : [.. Gauss(10 + seed).Select(v => v * v + 1e-3f)]));
        Assert.AreEqual("81fd87535935a64e00e73e319b63572fc7c30f572b040506f6f1b52c9c04d5f4", Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [TestMethod]
    [DynamicData(nameof(Rows))]
    public void EveryRowBecomesFiniteNumbersNearIt(string name)
    {
        float[] x = Samples().First(sample => sample.Name == name).Values;
        foreach (GgmlType type in RowEncoders.Types)
        {
            float[] y = Decode(type, Encode(type, x, null));
            for (int i = 0; i < K; i++) Assert.IsTrue(float.IsFinite(y[i]), $"{type} {i}");
            // Storing nothing has an error of 1. Scales in half precision are not good below 6e-8.
            bool tiny = x.Max(MathF.Abs) < 1e-5f;
            double error = Rms(x, y, (a, b) => a - b) / Math.Max(Rms(x, y, (a, _) => a), 1e-30);
            if (!tiny) Assert.IsLessThan(type is GgmlType.Q2_K ? 0.5 : type is GgmlType.Q3_K or GgmlType.MXFP4 ? 0.3 : 0.15, error, $"{type}");
        }
    }

    [TestMethod]
    public void ZerosStayZeros()
    {
        foreach (GgmlType type in RowEncoders.Types)
            CollectionAssert.AreEqual(new float[K], Decode(type, Encode(type, new float[K], null)), $"{type}");
    }

    [TestMethod]
    [DataRow(0.25f)]
    [DataRow(-3f)]
    public void ConstantRowsAreKept(float value)
    {
        float[] x = [.. Enumerable.Repeat(value, K)];
        foreach (GgmlType type in RowEncoders.Types)
            foreach (float y in Decode(type, Encode(type, x, null)))
                Assert.AreEqual(value, y, MathF.Abs(value) * 0.01f, $"{type}");
    }

    /// <summary>llama.cpp's tests/test-quantize-fns: 0.1 + 2 cos(i), 4,096 values, and sqrt(sum of squared errors) / 4,096.</summary>
    [TestMethod]
    [DynamicData(nameof(Types))]
    public void TheErrorIsBelowThePublishedLimit(GgmlType type)
    {
        float[] x = [.. Enumerable.Range(0, 4096).Select(i => 0.1f + 2 * MathF.Cos(i))];
        double limit = type switch { GgmlType.Q2_K => 0.0075, GgmlType.Q3_K => 0.004, _ => 0.002 };
        float[] y = Decode(type, Encode(type, x, null));
        double error = Math.Sqrt(x.Zip(y, (a, b) => Math.Pow((double)a - b, 2)).Sum()) / x.Length;
        Console.WriteLine($"{type}: {error:F6}, limit {limit}");
        Assert.IsLessThan(limit, error);
    }

    [TestMethod]
    public void ColumnsThatMatterGetTheSmallerError()
    {
        float[] x = Gauss(3), columns = [.. Enumerable.Range(0, K).Select(i => i % 4 == 0 ? 3.7f : 0.1f)];
        foreach (GgmlType type in RowEncoders.Types)
        {
            if (!RowEncoders.For(Isa.Scalar)[type].UsesWeights) continue;
            double Important(float[]? weights)
            {
                float[] y = Decode(type, Encode(type, x, weights));
                return Math.Sqrt(Enumerable.Range(0, K / 4).Sum(i => Math.Pow((double)x[4 * i] - y[4 * i], 2)));
            }

            double plain = Important(null), weighted = Important(columns);
            Console.WriteLine($"{type}: {weighted / plain:F3}");
            Assert.IsLessThan(type == GgmlType.MXFP4 ? 1.001 : 0.97, weighted / plain, $"{type}");
        }
    }

    [TestMethod]
    public void ReadingRowsOfEveryTypeGivesWhatDequantizeGives()
    {
        float[] x = Gauss(5);
        foreach (FormatRow format in KernelTable.Formats)
        {
            if (!RowEncoders.Types.Contains(format.Type)) continue;
            byte[] row = Encode(format.Type, x, null);
            float[] expected = Decode(format.Type, row);
            foreach (Isa isa in KernelTable.SupportedIsas())
            {
                int k = GgmlTypes.Get(format.Type).BlockLength == 1 ? K - 7 : K; // rows of floats need not end with sixteen values
                var y = new float[k];
                fixed (byte* source = row)
                fixed (float* target = y) RowEncoders.For(isa).Read(format.Type, source, k, target);
                CollectionAssert.AreEqual(expected[..k], y, $"{format.Type} {isa}");
            }
        }
    }

    [TestMethod]
    public void TheFirstBadValueIsFound()
    {
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity, -65505])
            foreach (int length in (int[])[1, 3, 4, 18, 64])
                for (int at = 0; at < length; at++)
                {
                    float[] x = [.. Enumerable.Repeat(-65504f, length)];
                    fixed (float* p = x)
                    {
                        Assert.AreEqual(-1, RowReader.FindBad(p, length, 65504));
                        x[at] = x[length - 1] = bad;
                        Assert.AreEqual(at, RowReader.FindBad(p, length, 65504));
                    }
                }
    }

    private static IEnumerable<(string Name, float[] Values)> Samples()
    {
        float[] gauss = Gauss(1);
        yield return ("gauss", gauss);
        yield return ("heavy tails", [.. gauss.Select(v => v * v * v)]);
        yield return ("positive", [.. gauss.Select(v => MathF.Abs(v) + 0.1f)]);
        yield return ("negative", [.. gauss.Select(v => -MathF.Abs(v) - 0.1f)]);
        yield return ("one of each 32", [.. gauss.Select((v, i) => i % 32 == 13 ? v : 0)]);
        yield return ("outliers", [.. gauss.Select((v, i) => i % 97 == 0 ? 60 * v : v)]);
        yield return ("far from zero", [.. gauss.Select(v => 1 + v * 1e-3f)]);
        yield return ("few values", [.. gauss.Select(v => MathF.Round(v))]);
        yield return ("ramp", [.. Enumerable.Range(0, K).Select(i => i / 640f - 1)]);
        yield return ("large", [.. gauss.Select(v => Math.Clamp(v * 3e4f, -65504, 65504))]);
        yield return ("tiny", [.. gauss.Select(v => v * 1e-9f)]);
        yield return ("next to nothing", [.. gauss.Select(v => v * 1e-38f)]);
        yield return ("zeros and a block", [.. gauss.Select((v, i) => i is >= 256 and < 272 ? v : 0)]);
    }

    private static float[] Gauss(int seed)
    {
        var random = new Random(seed);
        // A sum of integers, so that no library's logarithm has a say.
        return [.. Enumerable.Range(0, K).Select(_ => Enumerable.Range(0, 12).Sum(_ => random.Next(1 << 16) - (1 << 15)) / (float)(1 << 20))];
    }

    private static float[] Columns(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, K).Select(i => i % 50 == 0 ? 1e-4f : (float)Math.Exp(3 * random.NextDouble() - 1.5))];
    }

    private static double Rms(float[] x, float[] y, Func<double, double, double> difference) =>
        Math.Sqrt(x.Zip(y, (a, b) => Math.Pow(difference(a, b), 2)).Average());

    private static byte[] Encode(GgmlType type, float[] x, float[]? columns) => Encode(RowEncoders.For(KernelSet.Default().Isa), type, x, columns);

    private static byte[] Encode(RowEncoders encoders, GgmlType type, float[] x, float[]? columns)
    {
        var row = new byte[GgmlTypes.RowBytes(type, x.Length)];
        using var memory = new AlignedBuffer(RowEncoders.MemoryFloats * sizeof(float));
        var weights = new float[x.Length];
        fixed (float* px = x, pc = columns, pw = weights)
        fixed (byte* pr = row)
        {
            encoders.Weigh(px, pc, x.Length, pw);
            encoders[type].Encode(px, pw, x.Length, pr, (float*)memory.Data);
        }
        return row;
    }

    private static float[] Decode(GgmlType type, byte[] row)
    {
        GgmlTypeInfo info = GgmlTypes.Get(type);
        delegate*<byte*, float*, void> dequantize = KernelTable.FindFormat(type)!.Dequantize;
        var y = new float[row.Length / info.BlockBytes * info.BlockLength];
        fixed (byte* pr = row)
        fixed (float* py = y)
            for (int i = 0; i < row.Length / info.BlockBytes; i++) dequantize(pr + i * info.BlockBytes, py + i * info.BlockLength);
        return y;
    }
}
