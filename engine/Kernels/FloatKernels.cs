namespace Edge.Llm.Kernels;

/// <summary>Everything but the weight matmuls, for one instruction set. All are written once over 16 virtual lanes
/// and give the same bits on each.</summary>
internal sealed unsafe class FloatKernels
{
    /// <summary>dst = x / sqrt(mean(x^2) + eps) * w, n values; dst may be x.</summary>
    public required delegate*<float*, float*, float*, int, float, void> RmsNorm { get; init; }

    /// <summary>dst += x, n values.</summary>
    public required delegate*<float*, float*, int, void> Add { get; init; }

    /// <summary>gate = silu(gate) * up, n values.</summary>
    public required delegate*<float*, float*, int, void> SiluMul { get; init; }

    /// <summary>Rotates n values of one head in place, pairs (2i, 2i+1); cos[n] and sin[n] hold each pair's value twice, sin with the
    /// first of the two negated.</summary>
    public required delegate*<float*, float*, float*, int, void> RopeNorm { get; init; }

    /// <summary>Rotates n values of one head in place, pairs (i, i+n/2); cos[n] and sin[n] hold the pairs' values twice over, the first
    /// half of sin negated.</summary>
    public required delegate*<float*, float*, float*, int, void> RopeNeox { get; init; }

    /// <summary>Quantizes a row: (x, k, dst, groupStride), false if a value is not finite. For <see cref="ActivationFormat.Q8_K"/>.</summary>
    public required delegate*<float*, int, byte*, nint, bool> QuantizeQ8_K { get; init; }

    /// <summary>The same for <see cref="ActivationFormat.Q8_32"/>.</summary>
    public required delegate*<float*, int, byte*, nint, bool> QuantizeQ8_32 { get; init; }

    /// <summary>Attention over a cache; the types of keys and values choose the kernel: index [(int)keyType * 3 + (int)valueType].</summary>
    public required delegate*<AttentionArgs*, void>[] Attention { get; init; }

    /// <summary>Stores a head's n floats as one cache row of PaddedHeadDim(n) values, padded with zeros; by <see cref="KvType"/>.
    /// False if a value is not finite.</summary>
    public required delegate*<float*, byte*, int, bool>[] StoreKv { get; init; }

    /// <summary>The kernels of an instruction set this machine has.</summary>
    public static FloatKernels For(Isa isa) => isa switch
    {
        Isa.Scalar => Scalar(),
        Isa.Avx2 or Isa.AvxVnni => Lanes<Lanes256>(&QuantizeX86<Quantize256>.ToQ8_K, &QuantizeX86<Quantize256>.ToQ8_32),
        Isa.Avx512 => Lanes<Lanes512>(&QuantizeX86<Quantize512>.ToQ8_K, &QuantizeX86<Quantize512>.ToQ8_32),
        _ => Lanes<Lanes128>(&QuantizeAdvSimd.ToQ8_K, &QuantizeAdvSimd.ToQ8_32),
    };

    private static FloatKernels Scalar() => new()
    {
        RmsNorm = &ScalarFloat.RmsNorm,
        Add = &ScalarFloat.Add,
        SiluMul = &ScalarFloat.SiluMul,
        RopeNorm = &ScalarFloat.RopeNorm,
        RopeNeox = &ScalarFloat.RopeNeox,
        QuantizeQ8_K = &Q8_K.Quantize,
        QuantizeQ8_32 = &Q8_32.Quantize,
        Attention =
        [
            &ScalarAttention.Run<KvF16, KvF16>, &ScalarAttention.Run<KvF16, KvF32>, &ScalarAttention.Run<KvF16, KvQ8_0>,
            &ScalarAttention.Run<KvF32, KvF16>, &ScalarAttention.Run<KvF32, KvF32>, &ScalarAttention.Run<KvF32, KvQ8_0>,
            &ScalarAttention.Run<KvQ8_0, KvF16>, &ScalarAttention.Run<KvQ8_0, KvF32>, &ScalarAttention.Run<KvQ8_0, KvQ8_0>,
        ],
        StoreKv = [&KvF16.Store, &KvF32.Store, &KvQ8_0.Store],
    };

    private static FloatKernels Lanes<T>(delegate*<float*, int, byte*, nint, bool> quantizeQ8_K, delegate*<float*, int, byte*, nint, bool> quantizeQ8_0x8)
        where T : struct, ILanes<T> => new()
        {
            RmsNorm = &LaneFloat<T>.RmsNorm,
            Add = &LaneFloat<T>.Add,
            SiluMul = &LaneFloat<T>.SiluMul,
            RopeNorm = &LaneFloat<T>.RopeNorm,
            RopeNeox = &LaneFloat<T>.RopeNeox,
            QuantizeQ8_K = quantizeQ8_K,
            QuantizeQ8_32 = quantizeQ8_0x8,
            Attention =
            [
                &LaneAttention<T, KvF16, KvF16>.Run, &LaneAttention<T, KvF16, KvF32>.Run, &LaneAttention<T, KvF16, KvQ8_0>.Run,
                &LaneAttention<T, KvF32, KvF16>.Run, &LaneAttention<T, KvF32, KvF32>.Run, &LaneAttention<T, KvF32, KvQ8_0>.Run,
                &LaneAttention<T, KvQ8_0, KvF16>.Run, &LaneAttention<T, KvQ8_0, KvF32>.Run, &LaneAttention<T, KvQ8_0, KvQ8_0>.Run,
            ],
            StoreKv = [&KvF16.Store, &KvF32.Store, &KvQ8_0.Store],
        };
}
