using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>The float kernels over lanes; each equals its namesake in <see cref="ScalarFloat"/> bit for bit. What is left over at the
/// end of a row goes through the scalar formula, element by element, or through a zero-padded buffer where lanes are summed
/// (the stackalloc must start as zeros: no SkipLocalsInit here).</summary>
internal readonly unsafe partial struct LaneFloat<TLanes> : IFloatSet where TLanes : struct, ILanes<TLanes>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RmsNorm(float* x, float* w, float* dst, int n, float eps)
    {
        int whole = n & ~15;
        TLanes sum = TLanes.Zero;
        for (int i = 0; i < whole; i += 16)
        {
            TLanes v = TLanes.Load(x + i);
            sum = TLanes.Fma(v, v, sum);
        }
        if (whole < n)
        {
            float* tail = stackalloc float[16];
            for (int i = whole; i < n; i++) tail[i - whole] = x[i];
            TLanes v = TLanes.Load(tail);
            sum = TLanes.Fma(v, v, sum);
        }
        float scale = 1f / MathF.Sqrt((TLanes.Sum(sum) / n) + eps);
        TLanes scales = TLanes.Broadcast(scale);
        for (int i = 0; i < whole; i += 16)
            TLanes.Store(TLanes.Multiply(TLanes.Multiply(TLanes.Load(x + i), scales), TLanes.Load(w + i)), dst + i);
        for (int i = whole; i < n; i++) dst[i] = x[i] * scale * w[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Norm(float* x, float* w, float* b, float* dst, int n, float eps, bool centered)
    {
        int whole = n & ~15;
        float* tail = stackalloc float[16];
        float mean = 0;
        if (centered)
        {
            TLanes sum = TLanes.Zero;
            for (int i = 0; i < whole; i += 16) sum = TLanes.Add(sum, TLanes.Load(x + i));
            for (int i = whole; i < n; i++) tail[i - whole] = x[i];
            mean = TLanes.Sum(TLanes.Add(sum, TLanes.Load(tail))) / n;
        }
        TLanes means = TLanes.Broadcast(mean), squares = TLanes.Zero;
        for (int i = 0; i < whole; i += 16)
        {
            TLanes v = TLanes.Subtract(TLanes.Load(x + i), means);
            squares = TLanes.Fma(v, v, squares);
        }
        for (int i = whole; i < n; i++) tail[i - whole] = x[i] - mean;
        TLanes last = TLanes.Load(tail);
        float scale = 1f / MathF.Sqrt((TLanes.Sum(TLanes.Fma(last, last, squares)) / n) + eps);
        TLanes scales = TLanes.Broadcast(scale);
        for (int i = 0; i < whole; i += 16)
        {
            TLanes v = TLanes.Multiply(TLanes.Subtract(TLanes.Load(x + i), means), scales);
            if (w != null) v = TLanes.Multiply(v, TLanes.Load(w + i));
            if (b != null) v = TLanes.Add(v, TLanes.Load(b + i));
            TLanes.Store(v, dst + i);
        }
        ScalarFloat.Scale(x + whole, w == null ? null : w + whole, b == null ? null : b + whole, dst + whole, n - whole, mean, scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* dst, float* x, int n)
    {
        int i = 0;
        for (; i + 16 <= n; i += 16) TLanes.Store(TLanes.Add(TLanes.Load(dst + i), TLanes.Load(x + i)), dst + i);
        ScalarFloat.Add(dst + i, x + i, n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddScaled(float* dst, float* x, int n, float factor)
    {
        TLanes factors = TLanes.Broadcast(factor);
        int i = 0;
        for (; i + 16 <= n; i += 16) TLanes.Store(TLanes.Fma(TLanes.Load(x + i), factors, TLanes.Load(dst + i)), dst + i);
        ScalarFloat.AddScaled(dst + i, x + i, n - i, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply<TFunction>(float* x, float* y, int n, float* p) where TFunction : struct, IElementwise
    {
        int i = 0;
        if (y == null)
            for (; i + 16 <= n; i += 16) TLanes.Store(TFunction.Of(TLanes.Load(x + i), p), x + i);
        else
            for (; i + 16 <= n; i += 16) TLanes.Store(TLanes.Multiply(TFunction.Of(TLanes.Load(x + i), p), TLanes.Load(y + i)), x + i);
        ScalarFloat.Apply<TFunction>(x + i, y == null ? null : y + i, n - i, p);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ApplyPairs<TFunction>(float* x, float* y, int n, float* p) where TFunction : struct, IPairwise
    {
        int i = 0;
        if (y == null)
            for (; i + 16 <= n; i += 16) TLanes.Store(TFunction.Of(TLanes.Load(x + i), p), x + i);
        else
            for (; i + 16 <= n; i += 16) TLanes.Store(TFunction.Of(TLanes.Load(x + i), TLanes.Load(y + i), p), x + i);
        ScalarFloat.ApplyPairs<TFunction>(x + i, y == null ? null : y + i, n - i, p);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RopeNorm(float* x, float* cos, float* sin, int n)
    {
        int i = 0;
        for (; i + 16 <= n; i += 16)
        {
            TLanes v = TLanes.Load(x + i);
            TLanes crossed = TLanes.Multiply(TLanes.SwapPairs(v), TLanes.Load(sin + i));
            TLanes.Store(TLanes.Fma(v, TLanes.Load(cos + i), crossed), x + i);
        }
        ScalarFloat.RopeNorm(x + i, cos + i, sin + i, n - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RopeNeox(float* x, float* cos, float* sin, int n)
    {
        int half = n / 2, i = 0;
        for (; i + 16 <= half; i += 16)
        {
            TLanes low = TLanes.Load(x + i), high = TLanes.Load(x + half + i);
            TLanes.Store(TLanes.Fma(low, TLanes.Load(cos + i), TLanes.Multiply(high, TLanes.Load(sin + i))), x + i);
            TLanes.Store(TLanes.Fma(high, TLanes.Load(cos + half + i), TLanes.Multiply(low, TLanes.Load(sin + half + i))), x + half + i);
        }
        for (; i < half; i++) ScalarFloat.RotatePair(x + i, x + half + i, cos[i], sin[i], cos[half + i], sin[half + i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LoadKv<TFormat>(byte* rows, nint stride, int count, int dim, float* dst) where TFormat : struct, IKvFormat
    {
        for (int j = 0; j < count; j++)
            for (int i = 0; i < dim; i += 16)
                TLanes.Store(TFormat.Load<TLanes>(rows + (j * stride), i), dst + (j * dim) + i);
    }

    public static void Attention(AttentionArgs* args) => LaneAttention<TLanes>.Run(args);
}
