namespace Edge.Llm.Kernels;

/// <content>x64 kernels of the formats with blocks of 32.</content>
internal static unsafe partial class KernelTable
{
    private static void AddX86Blocks(List<KernelRow> rows)
    {
        if (HasAvx2)
        {
            Add256<Q4_0, Nibbles256<Q4_0>, NibbleDot256>(rows, Isa.Avx2);
            Add256<Q4_1, Nibbles256<Q4_1>, NibbleDot256>(rows, Isa.Avx2);
            Add256<Q5_0, Nibbles256<Q5_0>, FiveBitDot256>(rows, Isa.Avx2);
            Add256<Q5_1, Nibbles256<Q5_1>, FiveBitDot256>(rows, Isa.Avx2);
            Add256<Q8_0, SignedQ8_0, SignedDot256>(rows, Isa.Avx2);
            Add256<IQ4_NL, Levels256<IQ4_NL, SignedIQ4_NL>, SignedDot256>(rows, Isa.Avx2);
            Add256<MXFP4, Levels256<MXFP4, BiasedMXFP4>, FiveBitDot256>(rows, Isa.Avx2);
            AddWide256<NibbleDot256>(rows, Isa.Avx2);
        }
        if (HasAvxVnni)
        {
            Add256<Q4_0, Nibbles256<Q4_0>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<Q4_1, Nibbles256<Q4_1>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<Q5_0, Nibbles256<Q5_0>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<Q5_1, Nibbles256<Q5_1>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<Q8_0, BiasedQ8_0, VnniDot256>(rows, Isa.AvxVnni);
            Add256<IQ4_NL, Levels256<IQ4_NL, BiasedIQ4_NL>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<MXFP4, Levels256<MXFP4, BiasedMXFP4>, VnniDot256>(rows, Isa.AvxVnni);
            AddWide256<VnniDot256>(rows, Isa.AvxVnni);
        }
        if (HasAvx512)
        {
            Add<Q4_0>(rows, Isa.Avx512, &NibbleGemv512<Q4_0>.Run, &Gemm512<Q4_0>);
            Add<Q4_1>(rows, Isa.Avx512, &NibbleGemv512<Q4_1>.Run, &Gemm512<Q4_1>);
            Add<Q5_0>(rows, Isa.Avx512, &NibbleGemv512<Q5_0>.Run, &Gemm512<Q5_0>);
            Add<Q5_1>(rows, Isa.Avx512, &NibbleGemv512<Q5_1>.Run, &Gemm512<Q5_1>);
            // One token of these runs at 256 bits.
            if (HasAvxVnni)
            {
                Add<Q8_0>(rows, Isa.Avx512, &BlockGemv256<BiasedQ8_0, VnniDot256>.Run, &Gemm512Q8_0);
                Add<IQ4_NL>(rows, Isa.Avx512, &BlockGemv256<Levels256<IQ4_NL, BiasedIQ4_NL>, VnniDot256>.Run, &Gemm512IQ4_NL);
                Add<MXFP4>(rows, Isa.Avx512, &BlockGemv256<Levels256<MXFP4, BiasedMXFP4>, VnniDot256>.Run, &Gemm512MXFP4);
                AddWide512<VnniDot256>(rows);
            }
            else
            {
                Add<Q8_0>(rows, Isa.Avx512, &BlockGemv256<SignedQ8_0, SignedDot256>.Run, &Gemm512Q8_0);
                Add<IQ4_NL>(rows, Isa.Avx512, &BlockGemv256<Levels256<IQ4_NL, SignedIQ4_NL>, SignedDot256>.Run, &Gemm512IQ4_NL);
                Add<MXFP4>(rows, Isa.Avx512, &BlockGemv256<Levels256<MXFP4, BiasedMXFP4>, FiveBitDot256>.Run, &Gemm512MXFP4);
                AddWide512<NibbleDot256>(rows);
            }
        }
    }

    private static void AddWide256<TDot>(List<KernelRow> rows, Isa isa) where TDot : IDot256
    {
        Add256<Q1_0, Q1_0_Vector256, TDot>(rows, isa);
        Add256<Q2_0, Q2_0_Vector256, TDot>(rows, isa);
        Add256<NVFP4, NVFP4_Vector256, SignedDot256>(rows, isa);
    }

    private static void AddWide512<TDot>(List<KernelRow> rows) where TDot : IDot256
    {
        Add<Q1_0>(rows, Isa.Avx512, &BlockGemv256<Q1_0_Vector256, TDot>.Run, &Gemm512Q1_0);
        Add<Q2_0>(rows, Isa.Avx512, &BlockGemv256<Q2_0_Vector256, TDot>.Run, &Gemm512Q2_0);
        Add<NVFP4>(rows, Isa.Avx512, &BlockGemv256<NVFP4_Vector256, SignedDot256>.Run, &Gemm512NVFP4);
    }

    private static void Gemm512<T>(MatMulArgs* args) where T : INibbles =>
        BlockGemm512<Nibbles512<T>>.Run(args, &NibbleGemv512<T>.Run);

    private static void Gemm512Q8_0(MatMulArgs* args) => BlockGemm512<WordsQ8_0>.Run(args, &BlockGemv256<SignedQ8_0, SignedDot256>.Run);

    private static void Gemm512IQ4_NL(MatMulArgs* args) =>
        BlockGemm512<Levels512<IQ4_NL, BiasedIQ4_NL>>.Run(args, &BlockGemv256<Levels256<IQ4_NL, SignedIQ4_NL>, SignedDot256>.Run);

    private static void Gemm512MXFP4(MatMulArgs* args) =>
        BlockGemm512<Levels512<MXFP4, BiasedMXFP4>>.Run(args, &BlockGemv256<Levels256<MXFP4, BiasedMXFP4>, FiveBitDot256>.Run);

    private static void Gemm512Q1_0(MatMulArgs* args) => BlockGemm512<Q1_0_Vector512>.Run(args, &BlockGemv256<Q1_0_Vector256, NibbleDot256>.Run);

    private static void Gemm512Q2_0(MatMulArgs* args) => BlockGemm512<Q2_0_Vector512>.Run(args, &BlockGemv256<Q2_0_Vector256, NibbleDot256>.Run);

    private static void Gemm512NVFP4(MatMulArgs* args) => BlockGemm512<NVFP4_Vector512>.Run(args, &BlockGemv256<NVFP4_Vector256, SignedDot256>.Run);

    private static void Add256<TFormat, TUnpack, TDot>(List<KernelRow> rows, Isa isa)
        where TFormat : unmanaged, IBlockFormat where TUnpack : IUnpack256 where TDot : IDot256 =>
        Add<TFormat>(rows, isa, &BlockGemv256<TUnpack, TDot>.Run, &BlockGemm256<TUnpack, TDot>.Run);
}
