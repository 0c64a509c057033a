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
            // Signed: with a bias, products of values up to 255 leave int16 no room. (MXFP4's fit with one of 16.)
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
            Add<Q8_0>(rows, Isa.AvxVnni, &BlockGemv256<BiasedQ8_0, VnniDot256>.Run, &Q8_0Gemm<VnniDot256>.Run256);
            Add256<IQ4_NL, Levels256<IQ4_NL, BiasedIQ4_NL>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<MXFP4, Levels256<MXFP4, BiasedMXFP4>, VnniDot256>(rows, Isa.AvxVnni);
            AddWide256<VnniDot256>(rows, Isa.AvxVnni);
        }
        if (HasAvx512)
        {
            Add512<Q4_0, Nibbles512<Q4_0>, NibbleGemv512<Q4_0>>(rows);
            Add512<Q4_1, Nibbles512<Q4_1>, NibbleGemv512<Q4_1>>(rows);
            Add512<Q5_0, Nibbles512<Q5_0>, NibbleGemv512<Q5_0>>(rows);
            Add512<Q5_1, Nibbles512<Q5_1>, NibbleGemv512<Q5_1>>(rows);
            // One token of the others runs at 256 bits: .NET 10 has vpdpbusd only there. For Q8_0 that is faster (43.5 GB/s, the speed of
            // reading alone) than int16 products at 512 bits (40.9); for the rest no 512-bit form is written.
            if (HasAvxVnni)
            {
                Add<Q8_0>(rows, Isa.Avx512, &BlockGemv256<BiasedQ8_0, VnniDot256>.Run, &Q8_0Gemm<VnniDot256>.Run512);
                Add512<IQ4_NL, Levels512<IQ4_NL, BiasedIQ4_NL>, BlockGemv256<Levels256<IQ4_NL, BiasedIQ4_NL>, VnniDot256>>(rows);
                Add512<MXFP4, Levels512<MXFP4, BiasedMXFP4>, BlockGemv256<Levels256<MXFP4, BiasedMXFP4>, VnniDot256>>(rows);
                AddWide512<VnniDot256>(rows);
            }
            else
            {
                Add512<Q8_0, WordsQ8_0, BlockGemv256<SignedQ8_0, SignedDot256>>(rows);
                Add512<IQ4_NL, Levels512<IQ4_NL, BiasedIQ4_NL>, BlockGemv256<Levels256<IQ4_NL, SignedIQ4_NL>, SignedDot256>>(rows);
                Add512<MXFP4, Levels512<MXFP4, BiasedMXFP4>, BlockGemv256<Levels256<MXFP4, BiasedMXFP4>, FiveBitDot256>>(rows);
                AddWide512<NibbleDot256>(rows);
            }
        }
    }

    private static void AddWide256<TDot>(List<KernelRow> rows, Isa isa) where TDot : IDot256
    {
        Add256<Q1_0, Q1_0_Vector256, TDot>(rows, isa);
        Add256<Q2_0, Q2_0_Vector256, TDot>(rows, isa);
        // Signed bytes even with VNNI: taking a bias off would need sums of 16 activations, which Q8_32 does not have.
        Add256<NVFP4, NVFP4_Vector256, SignedDot256>(rows, isa);
    }

    private static void AddWide512<TDot>(List<KernelRow> rows) where TDot : IDot256
    {
        Add512<Q1_0, Q1_0_Vector512, BlockGemv256<Q1_0_Vector256, TDot>>(rows);
        Add512<Q2_0, Q2_0_Vector512, BlockGemv256<Q2_0_Vector256, TDot>>(rows);
        Add512<NVFP4, NVFP4_Vector512, BlockGemv256<NVFP4_Vector256, SignedDot256>>(rows);
    }

    private static void Add256<TFormat, TUnpack, TDot>(List<KernelRow> rows, Isa isa)
        where TFormat : unmanaged, IBlockFormat where TUnpack : IUnpack256 where TDot : IDot256 =>
        Add<TFormat>(rows, isa, &BlockGemv256<TUnpack, TDot>.Run, &BlockGemm256<TUnpack, TDot>.Run);

    private static void Add512<TFormat, TUnpack, TGemv>(List<KernelRow> rows)
        where TFormat : unmanaged, IBlockFormat where TUnpack : IUnpack512 where TGemv : IGemv =>
        Add<TFormat>(rows, Isa.Avx512, &TGemv.Run, &BlockGemm512<TUnpack>.Run<TGemv>);
}
