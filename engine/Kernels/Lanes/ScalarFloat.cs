namespace Edge.Llm.Kernels;

/// <summary>The scalar reference of the float kernels. Sums start from a stackalloc, which is zeroed here: no SkipLocalsInit.</summary>
internal static unsafe class ScalarFloat
{
    /// <inheritdoc cref="FloatKernels.RmsNorm"/>
    public static void RmsNorm(float* x, float* w, float* dst, int n, float eps)
    {
        float* lanes = stackalloc float[16];
        for (int i = 0; i < n; i++) lanes[i % 16] = MathF.FusedMultiplyAdd(x[i], x[i], lanes[i % 16]);
        float scale = 1f / MathF.Sqrt((Canonical.Tree16(lanes) / n) + eps);
        for (int i = 0; i < n; i++) dst[i] = x[i] * scale * w[i];
    }

    /// <inheritdoc cref="FloatKernels.Add"/>
    public static void Add(float* dst, float* x, int n)
    {
        for (int i = 0; i < n; i++) dst[i] += x[i];
    }

    /// <inheritdoc cref="FloatKernels.SiluMul"/>
    public static void SiluMul(float* gate, float* up, int n)
    {
        for (int i = 0; i < n; i++) gate[i] = gate[i] / (1f + ScalarMath.Exp(gate[i] * -1f)) * up[i];
    }

    /// <inheritdoc cref="FloatKernels.RopeNorm"/>
    public static void RopeNorm(float* x, float* cos, float* sin, int n)
    {
        for (int i = 0; i < n; i += 2) RotatePair(x + i, x + i + 1, cos[i], sin[i], cos[i + 1], sin[i + 1]);
    }

    /// <inheritdoc cref="FloatKernels.RopeNeox"/>
    public static void RopeNeox(float* x, float* cos, float* sin, int n)
    {
        int half = n / 2;
        for (int i = 0; i < half; i++) RotatePair(x + i, x + half + i, cos[i], sin[i], cos[half + i], sin[half + i]);
    }

    /// <summary>(a, b) becomes (a cosA + b sinA, b cosB + a sinB), each with one FMA; sinA is the negated sine.</summary>
    public static void RotatePair(float* a, float* b, float cosA, float sinA, float cosB, float sinB)
    {
        float x = *a, y = *b;
        *a = MathF.FusedMultiplyAdd(x, cosA, y * sinA);
        *b = MathF.FusedMultiplyAdd(y, cosB, x * sinB);
    }
}
