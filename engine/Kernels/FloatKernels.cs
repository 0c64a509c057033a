namespace Edge.Llm.Kernels;

/// <summary>The float operations of one instruction set: <see cref="ScalarFloat"/>, the reference, and <see cref="LaneFloat{TLanes}"/>,
/// written once over 16 virtual lanes. All give the same bits. A new operation is written in both of them, and in this file.</summary>
internal unsafe interface IFloatSet
{
    /// <summary>dst = x / sqrt(mean(x^2) + eps) * w, n values; dst may be x.</summary>
    static abstract void RmsNorm(float* x, float* w, float* dst, int n, float eps);

    /// <summary>dst = (x - m) / sqrt(mean((x - m)^2) + eps) * w + b, n values; m is the mean of x if centered (LayerNorm), else 0
    /// (RMSNorm). w and b may be null; dst may be x.</summary>
    static abstract void Norm(float* x, float* w, float* b, float* dst, int n, float eps, bool centered);

    /// <summary>dst += x, n values.</summary>
    static abstract void Add(float* dst, float* x, int n);

    /// <summary>dst += x * factor, n values, each with one FMA.</summary>
    static abstract void AddScaled(float* dst, float* x, int n, float factor);

    /// <summary>x = f(x), or f(x, y) where y is not null; n values. p holds the function's parameters.</summary>
    static abstract void Apply<TFunction>(float* x, float* y, int n, float* p) where TFunction : struct, IElementwise;

    /// <inheritdoc cref="Apply"/>
    static abstract void ApplyPairs<TFunction>(float* x, float* y, int n, float* p) where TFunction : struct, IPairwise;

    /// <summary>A step of the gated delta rule on a state s [n keys][n values], n a multiple of 16: each key's row times its decay
    /// (one for all if decayStep is 0), then s += k (beta * (v - k s)); o = q s.</summary>
    static abstract void DeltaStep(float* s, float* q, float* k, float* v, float* decay, int decayStep, float beta, float* o, int n);

    /// <summary>A step of a selective scan on a state h of n values, n a multiple of 16: h = h * decay + b * u, and c * h is returned. Where
    /// a is not null, a value's decay is e^(a * decay).</summary>
    static abstract float ScanStep(float* h, float* a, float* b, float* c, int n, float decay, float u);

    /// <summary>Rotates n values of one head in place, pairs (2i, 2i+1); cos[n] and sin[n] hold each pair's value twice, sin with the
    /// first of the two negated.</summary>
    static abstract void RopeNorm(float* x, float* cos, float* sin, int n);

    /// <summary>Rotates n values of one head in place, pairs (i, i+n/2); cos[n] and sin[n] hold the pairs' values twice over, the first
    /// half of sin negated.</summary>
    static abstract void RopeNeox(float* x, float* cos, float* sin, int n);

    /// <summary>Brings cached rows to floats: count rows of dim values, a multiple of 32, that stand stride bytes apart, to dst [count][dim].</summary>
    static abstract void LoadKv<TFormat>(byte* rows, nint stride, int count, int dim, float* dst) where TFormat : struct, IKvFormat;

    /// <summary>Attention over a cache.</summary>
    static abstract void Attention(AttentionArgs* args);
}

/// <summary>Everything but the weight matmuls, for one instruction set: the functions of an <see cref="IFloatSet"/> and of an
/// <see cref="IQuantizer"/>.</summary>
internal sealed unsafe class FloatKernels
{
    /// <summary><see cref="IFloatSet.RmsNorm"/>.</summary>
    public required delegate*<float*, float*, float*, int, float, void> RmsNorm { get; init; }

    /// <summary><see cref="IFloatSet.Norm"/>.</summary>
    public required delegate*<float*, float*, float*, float*, int, float, bool, void> Norm { get; init; }

    /// <summary><see cref="IFloatSet.Add"/>.</summary>
    public required delegate*<float*, float*, int, void> Add { get; init; }

    /// <summary><see cref="IFloatSet.AddScaled"/>.</summary>
    public required delegate*<float*, float*, int, float, void> AddScaled { get; init; }

    /// <summary><see cref="IFloatSet.Apply"/>, by <see cref="Elementwise"/>.</summary>
    public required delegate*<float*, float*, int, float*, void>[] Apply { get; init; }

    /// <summary><see cref="IFloatSet.DeltaStep"/>.</summary>
    public required delegate*<float*, float*, float*, float*, float*, int, float, float*, int, void> DeltaStep { get; init; }

    /// <summary><see cref="IFloatSet.ScanStep"/>.</summary>
    public required delegate*<float*, float*, float*, float*, int, float, float, float> ScanStep { get; init; }

    /// <summary><see cref="IFloatSet.RopeNorm"/>.</summary>
    public required delegate*<float*, float*, float*, int, void> RopeNorm { get; init; }

    /// <summary><see cref="IFloatSet.RopeNeox"/>.</summary>
    public required delegate*<float*, float*, float*, int, void> RopeNeox { get; init; }

    /// <summary><see cref="IQuantizer.ToQ8_K"/>.</summary>
    public required delegate*<float*, int, byte*, nint, bool> QuantizeQ8_K { get; init; }

    /// <summary><see cref="IQuantizer.ToQ8_32"/>.</summary>
    public required delegate*<float*, int, byte*, nint, bool> QuantizeQ8_32 { get; init; }

    /// <summary><see cref="IFloatSet.LoadKv"/>, by <see cref="KvType"/>.</summary>
    public required delegate*<byte*, nint, int, int, float*, void>[] LoadKv { get; init; }

    /// <summary><see cref="IFloatSet.Attention"/>.</summary>
    public required delegate*<AttentionArgs*, void> Attention { get; init; }

    /// <summary>The kernels of an instruction set this machine has.</summary>
    public static FloatKernels For(Isa isa) => isa switch
    {
        Isa.Scalar => Of<ScalarFloat, ScalarQuantizer>(),
        Isa.Avx2 or Isa.AvxVnni => Of<LaneFloat<Lanes256>, QuantizerX86<Quantize256>>(),
        Isa.Avx512 => Of<LaneFloat<Lanes512>, QuantizerX86<Quantize512>>(),
        _ => Of<LaneFloat<Lanes128>, QuantizerAdvSimd>(),
    };

    private static FloatKernels Of<TSet, TQuantizer>() where TSet : IFloatSet where TQuantizer : IQuantizer => new()
    {
        RmsNorm = &TSet.RmsNorm,
        Norm = &TSet.Norm,
        Add = &TSet.Add,
        AddScaled = &TSet.AddScaled,
        Apply =
        [
            &TSet.Apply<Silu>, &TSet.Apply<Gelu>, &TSet.Apply<Relu>, &TSet.Apply<ReluSquared>, &TSet.ApplyPairs<SwiGluOai>, &TSet.Apply<Xielu>,
            &TSet.ApplyPairs<SiluClamped>, &TSet.ApplyPairs<ClampedSilu>, &TSet.Apply<Sigmoid>, &TSet.Apply<Softplus>,
            &TSet.Apply<Scale>, &TSet.Apply<SoftCap>, &TSet.Apply<Clamp>, &TSet.Apply<Tanh>,
        ],
        DeltaStep = &TSet.DeltaStep,
        ScanStep = &TSet.ScanStep,
        RopeNorm = &TSet.RopeNorm,
        RopeNeox = &TSet.RopeNeox,
        QuantizeQ8_K = &TQuantizer.ToQ8_K,
        QuantizeQ8_32 = &TQuantizer.ToQ8_32,
        LoadKv =
        [
            &TSet.LoadKv<KvF16>, &TSet.LoadKv<KvF32>, &TSet.LoadKv<KvQ8_0>, &TSet.LoadKv<KvBF16>, &TSet.LoadKv<KvNibbles<Q5_1>>,
            &TSet.LoadKv<KvNibbles<Q5_0>>, &TSet.LoadKv<KvNibbles<Q4_1>>, &TSet.LoadKv<KvNibbles<Q4_0>>, &TSet.LoadKv<KvIQ4_NL>,
        ],
        Attention = &TSet.Attention,
    };
}
