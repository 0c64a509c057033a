using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Functions of single values, and steps of states.</summary>
public unsafe partial class FloatKernelTests
{
    [TestMethod]
    public void StepsOfStatesEqualScalar() => ForEach((isa, kernels, reference, random) =>
    {
        foreach (int n in new[] { 16, 48, 64, 128 })
            foreach (int decayStep in new[] { 0, 1 })
            {
                using Floats q = new(random, n), k = new(random, n), v = new(random, n), decay = new(random, n), state = new(random, n * n);
                using Floats expectedState = new(n * n), actualState = new(n * n), expected = new(n), actual = new(n);
                Copy(state, expectedState, n * n);
                Copy(state, actualState, n * n);
                reference.DeltaStep(expectedState, q, k, v, decay, decayStep, 0.3f, expected, n);
                kernels.DeltaStep(actualState, q, k, v, decay, decayStep, 0.3f, actual, n);
                AssertBits(expected, actual, n, $"delta {isa} n={n}");
                AssertBits(expectedState, actualState, n * n, $"delta's state {isa} n={n}");
                float* a = decayStep == 0 ? null : (float*)decay;
                float y = reference.ScanStep(expectedState, a, q, k, n, -0.4f, 0.7f);
                Assert.AreEqual(BitConverter.SingleToInt32Bits(y), BitConverter.SingleToInt32Bits(kernels.ScanStep(actualState, a, q, k, n, -0.4f, 0.7f)), $"scan {isa} n={n}");
                AssertBits(expectedState, actualState, n, $"scan's state {isa} n={n}");
            }
    });

    [TestMethod]
    public void EveryFunctionEqualsScalar() => ForEach((isa, kernels, reference, random) =>
    {
        float* p = stackalloc float[] { 0.7f, 0.3f, 0.5f, -1e-3f };
        foreach (Elementwise function in Enum.GetValues<Elementwise>())
            foreach (int n in s_lengths)
                foreach (bool pairs in new[] { false, true })
                {
                    using Floats x = new(random, n, 30), y = new(random, n), expected = new(n), actual = new(n);
                    Copy(x, expected, n);
                    Copy(x, actual, n);
                    reference.Apply[(int)function](expected, pairs ? (float*)y : null, n, p);
                    kernels.Apply[(int)function](actual, pairs ? (float*)y : null, n, p);
                    AssertBits(expected, actual, n, $"{function} {isa} n={n} pairs={pairs}");
                }
    });

    [TestMethod]
    public void EveryFunctionIsCloseToItsFormula()
    {
        float* p = stackalloc float[] { 0.7f, 0.3f, 0.5f, -1e-3f };
        double Silu(double x) => x / (1 + Math.Exp(-x));
        double Clamped(double x, double limit) => Math.Clamp(x, -limit, limit);
        var formulas = new Dictionary<Elementwise, Func<double, double, double>>
        {
            [Elementwise.Silu] = (x, y) => Silu(x) * y,
            [Elementwise.Gelu] = (x, y) => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * x * (1 + (0.044715 * x * x)))) * y,
            [Elementwise.Relu] = (x, y) => Math.Max(x, 0) * y,
            [Elementwise.ReluSquared] = (x, y) => Math.Pow(Math.Max(x, 0), 2) * y,
            [Elementwise.SwiGluOai] = (x, y) => Math.Min(x, 7) / (1 + Math.Exp(-1.702 * Math.Min(x, 7))) * (Clamped(y, 7) + 1),
            [Elementwise.Xielu] = (x, y) => (x > 0 ? (0.7 * x * x) + (0.5 * x) : ((Math.Exp(Math.Min(x, -1e-3)) - 1 - x) * 0.3) + (0.5 * x)) * y,
            [Elementwise.SiluClamped] = (x, y) => Math.Min(Silu(x), 0.7) * Clamped(y, 0.7),
            [Elementwise.ClampedSilu] = (x, y) => Silu(Math.Min(x, 0.7)) * Clamped(y, 0.7),
            [Elementwise.Sigmoid] = (x, y) => 1 / (1 + Math.Exp(-x)) * y,
            [Elementwise.Softplus] = (x, y) => (x > 20 ? x : Math.Log(1 + Math.Exp(x))) * y,
            [Elementwise.Scale] = (x, y) => x * 0.7 * y,
            [Elementwise.SoftCap] = (x, y) => 0.7 * Math.Tanh(x / 0.7) * y,
            [Elementwise.Clamp] = (x, y) => Clamped(x, 0.7) * y,
            [Elementwise.Tanh] = (x, y) => Math.Tanh(x) * y,
        };
        FloatKernels reference = KernelSet.For(Isa.Scalar).Float;
        foreach (Elementwise function in Enum.GetValues<Elementwise>())
            foreach (float x in new[] { -30f, -9f, -1f, -0.1f, -1e-4f, 0f, 1e-4f, 0.1f, 0.69f, 1f, 6.9f, 7.5f, 19f, 21f, 40f })
            {
                float found = x, y = -1.5f;
                reference.Apply[(int)function](&found, &y, 1, p);
                double expected = formulas[function](x, y);
                Assert.AreEqual(expected, found, (3e-6 * Math.Abs(expected)) + 3e-7, $"{function}({x})");
            }
    }
}
