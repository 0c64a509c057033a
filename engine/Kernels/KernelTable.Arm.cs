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
        AddArmBlocks<IQ4_NL, IQ4_NL_AdvSimd>(rows);
        AddArmBlocks<MXFP4, MXFP4_AdvSimd>(rows);
        AddArmBlocks<NVFP4, NVFP4_AdvSimd>(rows);
        AddArmBlocks<Q1_0, Q1_0_AdvSimd>(rows);
        AddArmBlocks<Q2_0, Q2_0_AdvSimd>(rows);
        AddArmSuperBlocks<TQ1_0, TQ1_0_AdvSimd>(rows);
        AddArmSuperBlocks<TQ2_0, TQ2_0_AdvSimd>(rows);
        AddArmSuperBlocks<IQ1_S, IQ1_S_AdvSimd>(rows);
        AddArmSuperBlocks<IQ1_M, IQ1_M_AdvSimd>(rows);
        AddArmSuperBlocks<IQ2_XXS, IQ2_XXS_AdvSimd>(rows);
        AddArmSuperBlocks<IQ2_XS, IQ2_XS_AdvSimd>(rows);
        AddArmSuperBlocks<IQ2_S, IQ2_S_AdvSimd>(rows);
        AddArmSuperBlocks<IQ3_XXS, IQ3_XXS_AdvSimd>(rows);
        AddArmSuperBlocks<IQ3_S, IQ3_S_AdvSimd>(rows);
        AddArmSuperBlocks<IQ4_XS, IQ4_XS_AdvSimd>(rows);
    }

    private static void AddArmBlocks<T, TUnpack>(List<KernelRow> rows) where T : unmanaged, IBlockFormat where TUnpack : struct, IBlockGroupAdvSimd
    {
        AddArm<T, BlockGemvAdvSimd<TUnpack, DotAdvSimd>, BlockTile<TUnpack>>(rows, Isa.AdvSimd);
        if (HasAdvSimdDp) AddArm<T, BlockGemvAdvSimd<TUnpack, DotAdvSimdDp>, BlockTileDp<TUnpack>>(rows, Isa.AdvSimdDp);
    }

    private static void AddArmSuperBlocks<T, TUnpack>(List<KernelRow> rows) where T : unmanaged, IBlockFormat where TUnpack : struct, ISuperBlockAdvSimd
    {
        AddArm<T, SuperBlockGemvAdvSimd<TUnpack, DotAdvSimd>, SuperBlockTile<TUnpack>>(rows, Isa.AdvSimd);
        if (HasAdvSimdDp) AddArm<T, SuperBlockGemvAdvSimd<TUnpack, DotAdvSimdDp>, SuperBlockTileDp<TUnpack>>(rows, Isa.AdvSimdDp);
    }

    private static void AddArm<T, TGemv, TTile>(List<KernelRow> rows, Isa isa)
        where T : unmanaged, IBlockFormat where TGemv : IGemv where TTile : struct, ITileAdvSimd =>
        Add<T>(rows, isa, &TGemv.Run, &TileGemmAdvSimd<TTile>.Gemm<TGemv>);
}
