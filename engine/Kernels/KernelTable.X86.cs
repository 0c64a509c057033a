namespace Edge.Llm.Kernels;

/// <content>x64 kernels of the formats with super-blocks.</content>
internal static unsafe partial class KernelTable
{
    private static void AddX86SuperBlocks(List<KernelRow> rows)
    {
        if (HasAvx2) AddSuperBlocks256<ScaleAvx2>(rows, Isa.Avx2);
        if (HasAvxVnni) AddSuperBlocks256<ScaleVnni>(rows, Isa.AvxVnni);
        if (HasAvx512)
        {
            // Without VNNI: .NET 10 has it at 256 bits only, and on Zen 5 vpmaddubsw and vpaddw at 512 bits do 1.75 times as much.
            AddSuperBlock512<Q2_K, Q2_K_Vector512>(rows);
            AddSuperBlock512<Q3_K, Q3_K_Vector512>(rows);
            AddSuperBlock512<Q4_K, Q4_K_Vector512>(rows);
            AddSuperBlock512<Q5_K, Q5_K_Vector512>(rows);
            AddSuperBlock512<Q6_K, Q6_K_Vector512>(rows);
            // One token at 256 bits inside: digits of base 3 come in runs of 32 bytes.
            AddSuperBlock512<TQ1_0, TQ1_0_Vector512>(rows);
            AddSuperBlock512<TQ2_0, TQ2_0_Vector512>(rows);
            AddSuperBlock512<IQ1_S, Codebook512<IQ1_S, IQ1_S_X86>>(rows);
            AddSuperBlock512<IQ1_M, Codebook512<IQ1_M, IQ1_M_X86>>(rows);
            AddSuperBlock512<IQ2_XXS, Codebook512<IQ2_XXS, IQ2_XXS_X86>>(rows);
            AddSuperBlock512<IQ2_XS, Codebook512<IQ2_XS, IQ2_XS_X86>>(rows);
            AddSuperBlock512<IQ2_S, Codebook512<IQ2_S, IQ2_S_X86>>(rows);
            AddSuperBlock512<IQ3_XXS, Codebook512<IQ3_XXS, IQ3_XXS_X86>>(rows);
            AddSuperBlock512<IQ3_S, Codebook512<IQ3_S, IQ3_S_X86>>(rows);
            AddSuperBlock512<IQ4_XS, Codebook512<IQ4_XS, IQ4_XS_X86>>(rows);
        }
    }

    private static void AddSuperBlocks256<TScale>(List<KernelRow> rows, Isa isa) where TScale : IScale256
    {
        AddSuperBlock256<Q2_K, Q2_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<Q3_K, Q3_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<Q4_K, Q4_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<Q5_K, Q5_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<Q6_K, Q6_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<TQ1_0, TQ1_0_Vector256, TScale>(rows, isa);
        AddSuperBlock256<TQ2_0, TQ2_0_Vector256, TScale>(rows, isa);
        AddSuperBlock256<IQ1_S, Codebook256<IQ1_S, IQ1_S_X86>, TScale>(rows, isa);
        AddSuperBlock256<IQ1_M, Codebook256<IQ1_M, IQ1_M_X86>, TScale>(rows, isa);
        AddSuperBlock256<IQ2_XXS, Codebook256<IQ2_XXS, IQ2_XXS_X86>, TScale>(rows, isa);
        AddSuperBlock256<IQ2_XS, Codebook256<IQ2_XS, IQ2_XS_X86>, TScale>(rows, isa);
        AddSuperBlock256<IQ2_S, Codebook256<IQ2_S, IQ2_S_X86>, TScale>(rows, isa);
        AddSuperBlock256<IQ3_XXS, Codebook256<IQ3_XXS, IQ3_XXS_X86>, TScale>(rows, isa);
        AddSuperBlock256<IQ3_S, Codebook256<IQ3_S, IQ3_S_X86>, TScale>(rows, isa);
        AddSuperBlock256<IQ4_XS, Codebook256<IQ4_XS, IQ4_XS_X86>, TScale>(rows, isa);
    }

    private static void AddSuperBlock256<TFormat, TUnpack, TScale>(List<KernelRow> rows, Isa isa)
        where TFormat : unmanaged, IBlockFormat where TUnpack : ISuperBlock256 where TScale : IScale256 =>
        Add<TFormat>(rows, isa, &SuperBlockGemv256<TUnpack, TScale>.Run, &SuperBlockGemm256<TUnpack, TScale>.Run);

    private static void AddSuperBlock512<TFormat, TUnpack>(List<KernelRow> rows) where TFormat : unmanaged, IBlockFormat where TUnpack : ISuperBlock512 =>
        Add<TFormat>(rows, Isa.Avx512, &SuperBlockGemv512<TUnpack>.Run, &SuperBlockGemm512<TUnpack>.Run);
}
