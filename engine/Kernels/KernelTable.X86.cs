namespace Edge.Llm.Kernels;

/// <content>x64 kernels of the K-quants.</content>
internal static unsafe partial class KernelTable
{
    private static void AddX86SuperBlocks(List<KernelRow> rows)
    {
        if (HasAvx512)
        {
            Add512<Q2_K, Q2_K_Vector512>(rows);
            Add512<Q3_K, Q3_K_Vector512>(rows);
            Add512<Q4_K, Q4_K_Vector512>(rows);
            Add512<Q5_K, Q5_K_Vector512>(rows);
            Add512<Q6_K, Q6_K_Vector512>(rows);
        }
    }

    private static void Add512<TFormat, TUnpack>(List<KernelRow> rows) where TFormat : unmanaged, IBlockFormat where TUnpack : ISuperBlock512 =>
        Add<TFormat>(rows, Isa.Avx512, &SuperBlockGemv512<TUnpack>.Run, &SuperBlockGemm512<TUnpack>.Run);
}
