using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Every instruction set's float kernels give the bits of the scalar reference.</summary>
[TestClass]
public unsafe partial class FloatKernelTests
{
    private static readonly int[] s_lengths = [1, 2, 6, 8, 15, 16, 17, 24, 31, 32, 48, 64, 80, 100, 128, 255, 256, 576, 2048];

    private static IEnumerable<Isa> Isas => KernelTable.SupportedIsas();

    [TestMethod]
    public void NormEqualsScalarAndRmsNorm() => ForEach((isa, kernels, reference, random) =>
    {
        foreach (int n in new[] { 1, 15, 16, 17, 40, 64, 100, 257 })
        {
            using Floats x = new(random, n), w = new(random, n), b = new(random, n), expected = new(n), actual = new(n);
            foreach (bool centered in new[] { true, false })
                foreach ((bool hasW, bool hasB) in new[] { (true, true), (true, false), (false, false) })
                {
                    reference.Norm(x, hasW ? (float*)w : null, hasB ? (float*)b : null, expected, n, 1e-5f, centered);
                    kernels.Norm(x, hasW ? (float*)w : null, hasB ? (float*)b : null, actual, n, 1e-5f, centered);
                    AssertBits(expected, actual, n, $"{isa} n={n} centered={centered} weight={hasW} bias={hasB}");
                }
            kernels.Norm(x, w, null, actual, n, 1e-5f, false);
            reference.RmsNorm(x, w, expected, n, 1e-5f);
            AssertBits(expected, actual, n, $"{isa} n={n}, RMSNorm");
        }
    });

    [TestMethod]
    public void RmsNormEqualsScalar() => ForEach((isa, kernels, reference, random) =>
    {
        foreach (int n in s_lengths)
        {
            using Floats x = new(random, n), w = new(random, n), expected = new(n), actual = new(n);
            reference.RmsNorm(x, w, expected, n, 1e-5f);
            kernels.RmsNorm(x, w, actual, n, 1e-5f);
            AssertBits(expected, actual, n, $"{isa} n={n}");
        }
    });

    [TestMethod]
    public void ElementwiseEqualsScalar() => ForEach((isa, kernels, reference, random) =>
    {
        foreach (int n in s_lengths)
        {
            using Floats x = new(random, n, 30), y = new(random, n), expected = new(n), actual = new(n);
            Copy(x, expected, n);
            Copy(x, actual, n);
            reference.Add(expected, y, n);
            kernels.Add(actual, y, n);
            AssertBits(expected, actual, n, $"Add {isa} n={n}");
            Copy(x, expected, n);
            Copy(x, actual, n);
            reference.AddScaled(expected, y, n, 0.7f);
            kernels.AddScaled(actual, y, n, 0.7f);
            AssertBits(expected, actual, n, $"AddScaled {isa} n={n}");
        }
    });

    [TestMethod]
    public void RopeEqualsScalar() => ForEach((isa, kernels, reference, random) =>
    {
        foreach (int n in s_lengths.Where(n => n % 2 == 0))
        {
            using Floats x = new(random, n), cos = new(random, n), sin = new(random, n), expected = new(n), actual = new(n);
            Copy(x, expected, n);
            Copy(x, actual, n);
            reference.RopeNorm(expected, cos, sin, n);
            kernels.RopeNorm(actual, cos, sin, n);
            AssertBits(expected, actual, n, $"norm {isa} n={n}");
            reference.RopeNeox(expected, cos, sin, n);
            kernels.RopeNeox(actual, cos, sin, n);
            AssertBits(expected, actual, n, $"neox {isa} n={n}");
        }
    });

    [TestMethod]
    public void SiluIsAccurateAndDefinedEverywhere()
    {
        using Floats x = new(1), one = new(1);
        ((float*)one)[0] = 1;
        foreach (float value in new[] { 0f, -0f, 1e-30f, -1f, 1f, -20f, 20f, -87.3f, -87.4f, 88f, 89f, -1000f, 1000f, float.MaxValue, -float.MaxValue })
        {
            ((float*)x)[0] = value;
            ScalarFloat.Apply<Silu>(x, one, 1, null);
            double expected = value / (1.0 + Math.Exp(-(double)value));
            Assert.AreEqual(expected, ((float*)x)[0], (1e-6 * Math.Abs(expected)) + 1e-30, $"silu({value})");
        }
    }

    [TestMethod]
    public void AttentionEqualsScalar() => ForEach((isa, kernels, reference, random) =>
    {
        foreach ((int headDim, int heads, int tokens, int first, int window) in new[]
                 { (8, 1, 1, 0, int.MaxValue), (64, 4, 1, 200, int.MaxValue), (64, 2, 5, 61, int.MaxValue), (80, 1, 3, 126, 40), (128, 3, 70, 0, 64), (32, 2, 2, 63, 1) })
            for (int types = 0; types < KvFormat.All.Length * KvFormat.All.Length; types++)
            {
                (int key, int value) = Math.DivRem(types, KvFormat.All.Length);
                if (headDim > 32 && key != value && types % 7 != 0) continue; // all pairs once, some of them in every shape
                using var cache = new Cache(random, headDim, first + tokens, (KvType)key, (KvType)value);
                using Floats q = new(random, tokens * heads * headDim), expected = new(tokens * heads * headDim), actual = new(tokens * heads * headDim);
                using var scratch = new AlignedBuffer(AttentionArgs.ScratchBytes(tokens, heads, headDim, headDim));
                fixed (nint* blocks = cache.Blocks)
                {
                    var args = new AttentionArgs
                    {
                        Q = q, QTokenStride = heads * headDim, Heads = heads, KeyDim = headDim, ValueDim = headDim, Tokens = tokens,
                        FirstPosition = first, Window = window, Scale = 1 / MathF.Sqrt(headDim), Blocks = (byte**)blocks, KeyOffset = 0,
                        KeyStride = cache.KeyStride, ValueOffset = cache.ValueOffset, ValueStride = cache.ValueStride, Out = expected, OutTokenStride = heads * headDim, Scratch = scratch.Data,
                    };
                    Attend(reference, args, key, value);
                    args.Out = actual;
                    Attend(kernels, args, key, value);
                    AssertBits(expected, actual, tokens * heads * headDim, $"{isa} dim={headDim} heads={heads} tokens={tokens} first={first} types={types}");

                    // Both directions, sinks, a soft-cap and a bias.
                    using Floats bias = new(random, heads * 2 * (first + tokens));
                    float[] sinks = [.. Enumerable.Range(0, heads).Select(_ => random.NextSingle() * 3)];
                    fixed (float* sink = sinks)
                    {
                        args.Sinks = sink;
                        args.Softcap = 1.5f;
                        args.VisibleEnd = first + tokens;
                        args.Bias = bias.Data + first + tokens;
                        args.BiasStride = 2 * (first + tokens);
                        Attend(kernels, args, key, value);
                        args.Out = expected;
                        Attend(reference, args, key, value);
                    }
                    AssertBits(expected, actual, tokens * heads * headDim, $"{isa} dim={headDim} heads={heads} tokens={tokens} first={first} types={types}, all arguments");
                }
            }
    });

    [TestMethod]
    public void AttentionDoesNotDependOnHowTokensAreSplit() => ForEach((isa, kernels, reference, random) =>
    {
        const int HeadDim = 64, Tokens = 150;
        using var cache = new Cache(random, HeadDim, Tokens, KvType.F16, KvType.F16);
        using Floats q = new(random, Tokens * HeadDim), whole = new(Tokens * HeadDim), split = new(Tokens * HeadDim);
        using var scratch = new AlignedBuffer(AttentionArgs.ScratchBytes(Tokens, 1, HeadDim, HeadDim));
        fixed (nint* blocks = cache.Blocks)
        {
            var args = new AttentionArgs
            {
                Q = q, QTokenStride = HeadDim, Heads = 1, KeyDim = HeadDim, ValueDim = HeadDim, Tokens = Tokens, Window = int.MaxValue,
                Scale = 0.125f, Blocks = (byte**)blocks, KeyStride = cache.KeyStride, ValueOffset = cache.ValueOffset, ValueStride = cache.ValueStride, Out = whole, OutTokenStride = HeadDim, Scratch = scratch.Data,
            };
            Attend(kernels, args, (int)KvType.F16, (int)KvType.F16);
            for (int t = 0; t < Tokens;)
            {
                int n = Math.Min(random.Next(1, 40), Tokens - t);
                args.Q = q.Data + (t * HeadDim);
                args.Out = split.Data + (t * HeadDim);
                args.FirstPosition = t;
                args.Tokens = n;
                Attend(kernels, args, (int)KvType.F16, (int)KvType.F16);
                t += n;
            }
        }
        AssertBits(whole, split, Tokens * HeadDim, $"{isa}");
    });

    [TestMethod]
    [DataRow(false, 0f, float.NaN)]
    [DataRow(true, 0f, float.NaN)]
    [DataRow(false, 2f, float.NaN)]
    [DataRow(false, 0f, 0.7f)]
    [DataRow(true, 2f, 9f)]
    public void AttentionIsCloseToTheFormula(bool bothDirections, float softcap, float sink)
    {
        var random = new Random(7);
        const int HeadDim = 32, Positions = 130, First = 70;
        FloatKernels reference = KernelSet.For(Isa.Scalar).Float;
        using var cache = new Cache(random, HeadDim, Positions, KvType.F32, KvType.F32);
        using Floats q = new(random, HeadDim), actual = new(HeadDim);
        using var scratch = new AlignedBuffer(AttentionArgs.ScratchBytes(1, 1, HeadDim, HeadDim));
        fixed (nint* blocks = cache.Blocks)
        {
            var args = new AttentionArgs
            {
                Q = q, Heads = 1, KeyDim = HeadDim, ValueDim = HeadDim, Tokens = 1, FirstPosition = First, Window = int.MaxValue,
                VisibleEnd = bothDirections ? Positions : 0, Softcap = softcap, Sinks = float.IsNaN(sink) ? null : &sink, Scale = 0.3f, Blocks = (byte**)blocks, KeyStride = cache.KeyStride, ValueOffset = cache.ValueOffset, ValueStride = cache.ValueStride, Out = actual, Scratch = scratch.Data,
            };
            Attend(reference, args, (int)KvType.F32, (int)KvType.F32);
        }
        int seen = bothDirections ? Positions : First + 1;
        double Weight(double score) => Math.Exp(softcap == 0 ? score : softcap * Math.Tanh(score / softcap));
        double[] weights = [.. Enumerable.Range(0, seen).Select(j => Weight(0.3 * Enumerable.Range(0, HeadDim).Sum(i => (double)q.Data[i] * cache.Key(j)[i])))];
        double sum = weights.Sum() + (float.IsNaN(sink) ? 0 : Math.Exp(sink));
        for (int i = 0; i < HeadDim; i++)
            Assert.AreEqual(weights.Select((weight, j) => weight * cache.Value(j)[i]).Sum() / sum, actual.Data[i], 1e-5);
    }

    [TestMethod]
    public void HalvesConvertExactly()
    {
        for (int bits = 0; bits < 65536; bits++)
        {
            Half half = BitConverter.UInt16BitsToHalf((ushort)bits);
            if (!Half.IsFinite(half)) continue;
            Assert.AreEqual(BitConverter.SingleToUInt32Bits((float)half), BitConverter.SingleToUInt32Bits(HalfFloat.ToSingle((ushort)bits)));
            Assert.AreEqual((ushort)bits, HalfFloat.FromSingle((float)half));
        }
        var random = new Random(1);
        for (int i = 0; i < 1_000_000; i++)
        {
            float value = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
            if (!float.IsFinite(value)) continue;
            Half half = (Half)value;
            ushort expected = Half.IsInfinity(half) ? (ushort)(value < 0 ? 0xfbff : 0x7bff) : BitConverter.HalfToUInt16Bits(half);
            Assert.AreEqual(expected, HalfFloat.FromSingle(value), $"{value:R}");
        }
    }

    private static void Attend(FloatKernels kernels, AttentionArgs args, int key, int value)
    {
        args.LoadKeys = kernels.LoadKv[key];
        args.LoadValues = kernels.LoadKv[value];
        kernels.Attention(&args);
    }

    private delegate void Check(Isa isa, FloatKernels kernels, FloatKernels reference, Random random);

    private static void ForEach(Check check)
    {
        FloatKernels reference = KernelSet.For(Isa.Scalar).Float;
        foreach (Isa isa in Isas) check(isa, KernelSet.For(isa).Float, reference, new Random(42));
    }

    private static void Copy(float* from, float* to, int n) => new ReadOnlySpan<float>(from, n).CopyTo(new Span<float>(to, n));

    private static void AssertBits(float* expected, float* actual, int n, string message)
    {
        for (int i = 0; i < n; i++)
            Assert.AreEqual(BitConverter.SingleToUInt32Bits(expected[i]), BitConverter.SingleToUInt32Bits(actual[i]),
                $"{message} at {i}: {expected[i]:R} {actual[i]:R}");
    }

    /// <summary>Random floats in native memory.</summary>
    private sealed class Floats(int n) : IDisposable
    {
        private readonly AlignedBuffer _buffer = new(n * sizeof(float));

        public Floats(Random random, int n, float range = 3) : this(n)
        {
            for (int i = 0; i < n; i++) Data[i] = (float)((random.NextDouble() - 0.5) * 2 * range);
        }

        public float* Data => (float*)_buffer.Data;

        public static implicit operator float*(Floats floats) => floats.Data;

        public void Dispose() => _buffer.Dispose();
    }

    /// <summary>Blocks of keys, then values, of one head.</summary>
    private sealed class Cache : IDisposable
    {
        private readonly List<AlignedBuffer> _blocks = [];

        public Cache(Random random, int headDim, int positions, KvType keyType, KvType valueType)
        {
            int keyBytes = AttentionArgs.RowBytes(keyType, headDim), valueBytes = AttentionArgs.RowBytes(valueType, headDim);
            (ValueOffset, KeyStride, ValueStride) = (64 * keyBytes, keyBytes, valueBytes);
            for (int block = 0; block <= (positions - 1) / 64; block++) _blocks.Add(new AlignedBuffer(64 * (keyBytes + valueBytes)));
            for (int j = 0; j < positions; j++)
            {
                using Floats row = new(random, headDim);
                Assert.IsTrue(KvFormat.All[(int)keyType].Store(row, _blocks[j / 64].Data + (j % 64 * keyBytes), headDim));
                Assert.IsTrue(KvFormat.All[(int)valueType].Store(row, _blocks[j / 64].Data + ValueOffset + (j % 64 * valueBytes), headDim));
            }
            Blocks = _blocks.Select(b => (nint)b.Data).ToArray();
            _rowFloats = AttentionArgs.PaddedHeadDim(headDim);
        }

        private readonly int _rowFloats;

        public nint[] Blocks { get; }

        public int ValueOffset { get; }

        public int KeyStride { get; }

        public int ValueStride { get; }

        public float* Key(int j) => (float*)_blocks[j / 64].Data + (j % 64 * _rowFloats);

        public float* Value(int j) => (float*)(_blocks[j / 64].Data + ValueOffset) + (j % 64 * _rowFloats);

        public void Dispose() => _blocks.ForEach(block => block.Dispose());
    }
}
