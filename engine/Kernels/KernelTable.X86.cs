namespace Edge.Llm.Kernels;

/// <content>x64 kernels of the K-quants.</content>
internal static unsafe partial class KernelTable
{
    private static void AddX86SuperBlocks(List<KernelRow> rows)
    {
        if (HasAvx2) AddSuperBlocks256<ScaleAvx2>(rows, Isa.Avx2);
        if (HasAvxVnni) AddSuperBlocks256<ScaleVnni>(rows, Isa.AvxVnni);
        if (HasAvx512)
        {
            AddSuperBlock512<Q2_K, Q2_K_Vector512>(rows);
            AddSuperBlock512<Q3_K, Q3_K_Vector512>(rows);
            AddSuperBlock512<Q4_K, Q4_K_Vector512>(rows);
            AddSuperBlock512<Q5_K, Q5_K_Vector512>(rows);
            AddSuperBlock512<Q6_K, Q6_K_Vector512>(rows);
        }
    }

    private static void AddSuperBlocks256<TScale>(List<KernelRow> rows, Isa isa) where TScale : IScale256
    {
        AddSuperBlock256<Q2_K, Q2_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<Q3_K, Q3_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<Q4_K, Q4_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<Q5_K, Q5_K_Vector256, TScale>(rows, isa);
        AddSuperBlock256<Q6_K, Q6_K_Vector256, TScale>(rows, isa);
    }

    private static void AddSuperBlock256<TFormat, TUnpack, TScale>(List<KernelRow> rows, Isa isa)
        where TFormat : unmanaged, IBlockFormat where TUnpack : ISuperBlock256 where TScale : IScale256 =>
        Add<TFormat>(rows, isa, &SuperBlockGemv256<TUnpack, TScale>.Run, &SuperBlockGemm256<TUnpack, TScale>.Run);

    private static void AddSuperBlock512<TFormat, TUnpack>(List<KernelRow> rows) where TFormat : unmanaged, IBlockFormat where TUnpack : ISuperBlock512 =>
        Add<TFormat>(rows, Isa.Avx512, &SuperBlockGemv512<TUnpack>.Run, &SuperBlockGemm512<TUnpack>.Run);
}
