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
        }
        if (HasAvxVnni)
        {
            Add256<Q4_0, Nibbles256<Q4_0>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<Q4_1, Nibbles256<Q4_1>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<Q5_0, Nibbles256<Q5_0>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<Q5_1, Nibbles256<Q5_1>, VnniDot256>(rows, Isa.AvxVnni);
            Add256<Q8_0, BiasedQ8_0, VnniDot256>(rows, Isa.AvxVnni);
        }
        if (HasAvx512)
        {
            Add<Q4_0>(rows, Isa.Avx512, &NibbleGemv512<Q4_0>.Run, &Gemm512<Q4_0>);
            Add<Q4_1>(rows, Isa.Avx512, &NibbleGemv512<Q4_1>.Run, &Gemm512<Q4_1>);
            Add<Q5_0>(rows, Isa.Avx512, &NibbleGemv512<Q5_0>.Run, &Gemm512<Q5_0>);
            Add<Q5_1>(rows, Isa.Avx512, &NibbleGemv512<Q5_1>.Run, &Gemm512<Q5_1>);
            if (HasAvxVnni) Add<Q8_0>(rows, Isa.Avx512, &BlockGemv256<BiasedQ8_0, VnniDot256>.Run, &Gemm512Q8_0);
            else Add<Q8_0>(rows, Isa.Avx512, &BlockGemv256<SignedQ8_0, SignedDot256>.Run, &Gemm512Q8_0);
        }
    }

    private static void Gemm512<T>(MatMulArgs* args) where T : INibbles =>
        BlockGemm512<Nibbles512<T>>.Run(args, &NibbleGemv512<T>.Run);

    private static void Gemm512Q8_0(MatMulArgs* args) => BlockGemm512<SplitQ8_0>.Run(args, &BlockGemv256<SignedQ8_0, SignedDot256>.Run);

    private static void Add256<TFormat, TUnpack, TDot>(List<KernelRow> rows, Isa isa)
        where TFormat : unmanaged, IBlockFormat where TUnpack : IUnpack256 where TDot : IDot256 =>
        Add<TFormat>(rows, isa, &BlockGemv256<TUnpack, TDot>.Run, &BlockGemm256<TUnpack, TDot>.Run);
}
