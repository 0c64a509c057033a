namespace Edge.Llm.Kernels;

internal static unsafe partial class KernelTable
{
    private static void AddArm(List<KernelRow> rows)
    {
        if (!HasAdvSimd) return;
        AddArmBlocks<Q4_0, Q4_0_AdvSimd>(rows);
        AddArmBlocks<Q4_1, Q4_1_AdvSimd>(rows);
        AddArmBlocks<Q5_0, Q5_0_AdvSimd>(rows);
        AddArmBlocks<Q5_1, Q5_1_AdvSimd>(rows);
        AddArmBlocks<Q8_0, Q8_0_AdvSimd>(rows);
        AddArmSuperBlocks<Q2_K, Q2_K_AdvSimd>(rows);
        AddArmSuperBlocks<Q3_K, Q3_K_AdvSimd>(rows);
        AddArmSuperBlocks<Q4_K, Q4_K_AdvSimd>(rows);
        AddArmSuperBlocks<Q5_K, Q5_K_AdvSimd>(rows);
        AddArmSuperBlocks<Q6_K, Q6_K_AdvSimd>(rows);
    }

    private static void AddArmBlocks<T, TUnpack>(List<KernelRow> rows) where T : unmanaged, IBlockFormat where TUnpack : struct, IBlockGroupAdvSimd
    {
        Add<T>(rows, Isa.AdvSimd, &BlockGemvAdvSimd<TUnpack, DotAdvSimd>.Gemv, &TileGemmAdvSimd<BlockTile<TUnpack>>.Gemm);
        if (HasAdvSimdDp)
            Add<T>(rows, Isa.AdvSimdDp, &BlockGemvAdvSimd<TUnpack, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<BlockTileDp<TUnpack>>.Gemm);
    }

    private static void AddArmSuperBlocks<T, TUnpack>(List<KernelRow> rows) where T : unmanaged, IBlockFormat where TUnpack : struct, ISuperBlockAdvSimd
    {
        Add<T>(rows, Isa.AdvSimd, &SuperBlockGemvAdvSimd<TUnpack, DotAdvSimd>.Gemv, &TileGemmAdvSimd<SuperBlockTile<TUnpack>>.Gemm);
        if (HasAdvSimdDp)
            Add<T>(rows, Isa.AdvSimdDp, &SuperBlockGemvAdvSimd<TUnpack, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<SuperBlockTileDp<TUnpack>>.Gemm);
    }
}
