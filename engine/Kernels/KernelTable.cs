using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>One row of the kernel table: the matmuls of a weight format on an instruction set.</summary>
internal sealed unsafe class KernelRow(
    GgmlType type, ActivationFormat activation, Isa isa, delegate*<MatMulArgs*, void> gemv, delegate*<MatMulArgs*, void> gemm)
{
    /// <summary>Weight format.</summary>
    public GgmlType Type => type;

    /// <summary>What its activations are packed as.</summary>
    public ActivationFormat Activation => activation;

    /// <summary>Instruction set needed.</summary>
    public Isa Isa => isa;

    /// <summary>One token.</summary>
    public delegate*<MatMulArgs*, void> Gemv { get; } = gemv;

    /// <summary>Many tokens.</summary>
    public delegate*<MatMulArgs*, void> Gemm { get; } = gemm;
}

/// <summary>A weight format's scalar side.</summary>
internal sealed unsafe class FormatRow(
    delegate*<byte*, float*, void> dequantize, delegate*<byte*, int, byte*, nint, float> vecDot, KernelRow scalar)
{
    /// <summary>Weight format.</summary>
    public GgmlType Type => Scalar.Type;

    /// <summary>What its activations are packed as.</summary>
    public ActivationFormat Activation => Scalar.Activation;

    /// <summary>Its row in the kernel table that needs no instruction set.</summary>
    public KernelRow Scalar { get; } = scalar;

    /// <summary>One block to floats.</summary>
    public delegate*<byte*, float*, void> Dequantize { get; } = dequantize;

    /// <summary>The reference dot product.</summary>
    public delegate*<byte*, int, byte*, nint, float> VecDot { get; } = vecDot;
}

/// <summary>Every kernel of this build that this machine can run. The only place that asks what the processor supports.</summary>
internal static unsafe partial class KernelTable
{
    /// <summary>The weight formats.</summary>
    public static readonly FormatRow[] Formats =
    [
        Format<F32>(), Format<F16>(), Format<BF16>(),
        Format<Q4_0>(), Format<Q4_1>(), Format<Q5_0>(), Format<Q5_1>(), Format<Q8_0>(),
        Format<Q2_K>(), Format<Q3_K>(), Format<Q4_K>(), Format<Q5_K>(), Format<Q6_K>(),
        Format<IQ1_S>(), Format<IQ1_M>(), Format<IQ2_XXS>(), Format<IQ2_XS>(), Format<IQ2_S>(), Format<IQ3_XXS>(), Format<IQ3_S>(),
        Format<IQ4_NL>(), Format<IQ4_XS>(), Format<TQ1_0>(), Format<TQ2_0>(), Format<MXFP4>(), Format<NVFP4>(), Format<Q1_0>(), Format<Q2_0>(),
        Format<Q8_1>(), Format<Q8_K_Weights>(),
    ];

    private static readonly FormatRow?[] s_byType = ByType();

    /// <summary>The kernels, in no particular order; <see cref="KernelSet"/> picks.</summary>
    public static readonly KernelRow[] Rows = MakeRows();

    /// <summary>The weight format of a tensor type, or null.</summary>
    public static FormatRow? FindFormat(GgmlType type) => (uint)type < (uint)s_byType.Length ? s_byType[(uint)type] : null;

    /// <summary>Instruction sets that can be forced on this machine with this build, worst first.</summary>
    public static Isa[] SupportedIsas()
    {
        var found = new List<Isa> { Isa.Scalar };
        if (HasAvx2) found.Add(Isa.Avx2);
        if (HasAvxVnni) found.Add(Isa.AvxVnni);
        if (HasAvx512) found.Add(Isa.Avx512);
        if (HasAdvSimd) found.Add(Isa.AdvSimd);
        if (HasAdvSimdDp) found.Add(Isa.AdvSimdDp);
        return [.. found];
    }

    internal static bool HasAvx2 => Avx2.IsSupported && Fma.IsSupported;

    internal static bool HasAvxVnni => HasAvx2 && AvxVnni.IsSupported;

    internal static bool HasAvx512 => HasAvx2 && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported && Avx512BW.VL.IsSupported;

    internal static bool HasAdvSimd => AdvSimd.Arm64.IsSupported;

    internal static bool HasAdvSimdDp => HasAdvSimd && Dp.IsSupported;

    private static FormatRow?[] ByType()
    {
        var rows = new FormatRow?[Formats.Max(format => (int)format.Type) + 1];
        foreach (FormatRow format in Formats) rows[(int)format.Type] = format;
        return rows;
    }

    private static KernelRow[] MakeRows()
    {
        var rows = new List<KernelRow>(Formats.Select(format => format.Scalar));
        if (HasAvx2) AddFloat<Lanes256>(rows, Isa.Avx2);
        if (HasAvx512) AddFloat<Lanes512>(rows, Isa.Avx512);
        if (HasAdvSimd) AddFloat<Lanes128>(rows, Isa.AdvSimd);
        AddX86Blocks(rows);
        AddX86SuperBlocks(rows);
        AddArm(rows);
        return [.. rows];
    }

    private static FormatRow Format<T>() where T : unmanaged, IBlockFormat =>
        new(&T.Dequantize, &T.VecDot, new KernelRow(T.Type, T.Activation, Isa.Scalar, &ScalarMatMul<T>.Gemv, &ScalarMatMul<T>.Gemm));

    private static void AddFloat<TLanes>(List<KernelRow> rows, Isa isa) where TLanes : struct, ILanes<TLanes>
    {
        Add<F32>(rows, isa, &FloatMatMul<TLanes, LoadF32>.Gemv, &FloatMatMul<TLanes, LoadF32>.Gemm);
        Add<F16>(rows, isa, &FloatMatMul<TLanes, LoadF16>.Gemv, &FloatMatMul<TLanes, LoadF16>.Gemm);
        Add<BF16>(rows, isa, &FloatMatMul<TLanes, LoadBF16>.Gemv, &FloatMatMul<TLanes, LoadBF16>.Gemm);
    }

    private static void Add<T>(List<KernelRow> rows, Isa isa, delegate*<MatMulArgs*, void> gemv, delegate*<MatMulArgs*, void> gemm)
        where T : unmanaged, IBlockFormat => rows.Add(new KernelRow(T.Type, T.Activation, isa, gemv, gemm));
}
