namespace Edge.Llm.Kernels;

/// <summary>The scalar reference of the float kernels.</summary>
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
        for (int i = 0; i < n; i++) gate[i] = gate[i] / (1f + ScalarMath.Exp(-gate[i])) * up[i];
    }

    /// <inheritdoc cref="FloatKernels.RopeNorm"/>
    public static void RopeNorm(float* x, float* cos, float* sin, int n)
    {
        for (int i = 0; i < n; i += 2)
        {
            float x0 = x[i], x1 = x[i + 1];
            x[i] = MathF.FusedMultiplyAdd(x0, cos[i], x1 * sin[i]);
            x[i + 1] = MathF.FusedMultiplyAdd(x1, cos[i + 1], x0 * sin[i + 1]);
        }
    }

    /// <inheritdoc cref="FloatKernels.RopeNeox"/>
    public static void RopeNeox(float* x, float* cos, float* sin, int n)
    {
        int half = n / 2;
        for (int i = 0; i < half; i++)
        {
            float x0 = x[i], x1 = x[i + half];
            x[i] = MathF.FusedMultiplyAdd(x0, cos[i], x1 * sin[i]);
            x[i + half] = MathF.FusedMultiplyAdd(x1, cos[i + half], x0 * sin[i + half]);
        }
    }
}
