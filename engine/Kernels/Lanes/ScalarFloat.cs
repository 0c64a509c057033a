namespace Edge.Llm.Kernels;

/// <summary>The scalar reference of the float kernels. Sums start from a stackalloc, which is zeroed here: no SkipLocalsInit.</summary>
internal readonly unsafe struct ScalarFloat : IFloatSet
{
    public static void RmsNorm(float* x, float* w, float* dst, int n, float eps)
    {
        float* lanes = stackalloc float[16];
        for (int i = 0; i < n; i++) lanes[i % 16] = MathF.FusedMultiplyAdd(x[i], x[i], lanes[i % 16]);
        float scale = 1f / MathF.Sqrt((Canonical.Tree16(lanes) / n) + eps);
        for (int i = 0; i < n; i++) dst[i] = x[i] * scale * w[i];
    }

    public static void Norm(float* x, float* w, float* b, float* dst, int n, float eps, bool centered)
    {
        float* lanes = stackalloc float[16];
        float mean = 0;
        if (centered)
        {
            for (int i = 0; i < n; i++) lanes[i % 16] += x[i];
            mean = Canonical.Tree16(lanes) / n;
            new Span<float>(lanes, 16).Clear();
        }
        for (int i = 0; i < n; i++) lanes[i % 16] = MathF.FusedMultiplyAdd(x[i] - mean, x[i] - mean, lanes[i % 16]);
        float scale = 1f / MathF.Sqrt((Canonical.Tree16(lanes) / n) + eps);
        Scale(x, w, b, dst, n, mean, scale);
    }

    /// <summary>The last step of <see cref="Norm"/>: dst = (x - mean) * scale * w + b.</summary>
    public static void Scale(float* x, float* w, float* b, float* dst, int n, float mean, float scale)
    {
        for (int i = 0; i < n; i++)
        {
            float value = (x[i] - mean) * scale;
            if (w != null) value *= w[i];
            if (b != null) value += b[i];
            dst[i] = value;
        }
    }

    public static void Add(float* dst, float* x, int n)
    {
        for (int i = 0; i < n; i++) dst[i] += x[i];
    }

    public static void AddScaled(float* dst, float* x, int n, float factor)
    {
        for (int i = 0; i < n; i++) dst[i] = MathF.FusedMultiplyAdd(x[i], factor, dst[i]);
    }

    public static void Apply<TFunction>(float* x, float* y, int n, float* p) where TFunction : struct, IElementwise
    {
        for (int i = 0; i < n; i++) x[i] = y == null ? TFunction.Of(x[i], p) : TFunction.Of(x[i], p) * y[i];
    }

    public static void ApplyPairs<TFunction>(float* x, float* y, int n, float* p) where TFunction : struct, IPairwise
    {
        for (int i = 0; i < n; i++) x[i] = y == null ? TFunction.Of(x[i], p) : TFunction.Of(x[i], y[i], p);
    }

    public static void DeltaStep(float* s, float* q, float* k, float* v, float* decay, int decayStep, float beta, float* o, int n)
    {
        for (int j = 0; j < n; j++)
        {
            float found = 0, result = 0;
            for (int i = 0; i < n; i++)
            {
                s[(i * n) + j] *= decay[i * decayStep];
                found = MathF.FusedMultiplyAdd(s[(i * n) + j], k[i], found);
            }
            float error = (v[j] - found) * beta;
            for (int i = 0; i < n; i++)
            {
                s[(i * n) + j] = MathF.FusedMultiplyAdd(error, k[i], s[(i * n) + j]);
                result = MathF.FusedMultiplyAdd(s[(i * n) + j], q[i], result);
            }
            o[j] = result;
        }
    }

    public static float ScanStep(float* h, float* a, float* b, float* c, int n, float decay, float u)
    {
        float* lanes = stackalloc float[16];
        for (int i = 0; i < n; i++)
        {
            h[i] = MathF.FusedMultiplyAdd(h[i], a == null ? decay : ScalarMath.Exp(a[i] * decay), b[i] * u);
            lanes[i % 16] = MathF.FusedMultiplyAdd(h[i], c[i], lanes[i % 16]);
        }
        return Canonical.Tree16(lanes);
    }

    public static void RopeNorm(float* x, float* cos, float* sin, int n)
    {
        for (int i = 0; i < n; i += 2) RotatePair(x + i, x + i + 1, cos[i], sin[i], cos[i + 1], sin[i + 1]);
    }

    public static void RopeNeox(float* x, float* cos, float* sin, int n)
    {
        int half = n / 2;
        for (int i = 0; i < half; i++) RotatePair(x + i, x + half + i, cos[i], sin[i], cos[half + i], sin[half + i]);
    }

    public static void LoadKv<TFormat>(byte* rows, nint stride, int count, int dim, float* dst) where TFormat : struct, IKvFormat
    {
        for (int j = 0; j < count; j++) TFormat.Load(rows + (j * stride), dim, dst + (j * dim));
    }

    public static void Attention(AttentionArgs* args) => ScalarAttention.Run(args);

    /// <summary>(a, b) becomes (a cosA + b sinA, b cosB + a sinB), each with one FMA; sinA is the negated sine.</summary>
    public static void RotatePair(float* a, float* b, float cosA, float sinA, float cosB, float sinB)
    {
        float x = *a, y = *b;
        *a = MathF.FusedMultiplyAdd(x, cosA, y * sinA);
        *b = MathF.FusedMultiplyAdd(y, cosB, x * sinB);
    }
}
