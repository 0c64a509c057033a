namespace Edge.Llm.Kernels;

internal static unsafe partial class KernelTable
{
    private static void AddArm(List<KernelRow> rows)
    {
        if (HasAdvSimd)
        {
            Add<Q4_0>(rows, Isa.AdvSimd, &BlockGemvAdvSimd<Q4_0_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<BlockTile<Q4_0_AdvSimd>>.Gemm);
            Add<Q4_1>(rows, Isa.AdvSimd, &BlockGemvAdvSimd<Q4_1_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<BlockTile<Q4_1_AdvSimd>>.Gemm);
            Add<Q5_0>(rows, Isa.AdvSimd, &BlockGemvAdvSimd<Q5_0_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<BlockTile<Q5_0_AdvSimd>>.Gemm);
            Add<Q5_1>(rows, Isa.AdvSimd, &BlockGemvAdvSimd<Q5_1_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<BlockTile<Q5_1_AdvSimd>>.Gemm);
            Add<Q8_0>(rows, Isa.AdvSimd, &BlockGemvAdvSimd<Q8_0_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<BlockTile<Q8_0_AdvSimd>>.Gemm);
            Add<Q2_K>(rows, Isa.AdvSimd, &SuperBlockGemvAdvSimd<Q2_K_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<SuperBlockTile<Q2_K_AdvSimd>>.Gemm);
            Add<Q3_K>(rows, Isa.AdvSimd, &SuperBlockGemvAdvSimd<Q3_K_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<SuperBlockTile<Q3_K_AdvSimd>>.Gemm);
            Add<Q4_K>(rows, Isa.AdvSimd, &SuperBlockGemvAdvSimd<Q4_K_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<SuperBlockTile<Q4_K_AdvSimd>>.Gemm);
            Add<Q5_K>(rows, Isa.AdvSimd, &SuperBlockGemvAdvSimd<Q5_K_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<SuperBlockTile<Q5_K_AdvSimd>>.Gemm);
            Add<Q6_K>(rows, Isa.AdvSimd, &SuperBlockGemvAdvSimd<Q6_K_AdvSimd, DotAdvSimd>.Gemv, &TileGemmAdvSimd<SuperBlockTile<Q6_K_AdvSimd>>.Gemm);
        }
        if (HasAdvSimdDp)
        {
            Add<Q4_0>(rows, Isa.AdvSimdDp, &BlockGemvAdvSimd<Q4_0_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<BlockTileDp<Q4_0_AdvSimd>>.Gemm);
            Add<Q4_1>(rows, Isa.AdvSimdDp, &BlockGemvAdvSimd<Q4_1_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<BlockTileDp<Q4_1_AdvSimd>>.Gemm);
            Add<Q5_0>(rows, Isa.AdvSimdDp, &BlockGemvAdvSimd<Q5_0_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<BlockTileDp<Q5_0_AdvSimd>>.Gemm);
            Add<Q5_1>(rows, Isa.AdvSimdDp, &BlockGemvAdvSimd<Q5_1_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<BlockTileDp<Q5_1_AdvSimd>>.Gemm);
            Add<Q8_0>(rows, Isa.AdvSimdDp, &BlockGemvAdvSimd<Q8_0_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<BlockTileDp<Q8_0_AdvSimd>>.Gemm);
            Add<Q2_K>(rows, Isa.AdvSimdDp, &SuperBlockGemvAdvSimd<Q2_K_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<SuperBlockTileDp<Q2_K_AdvSimd>>.Gemm);
            Add<Q3_K>(rows, Isa.AdvSimdDp, &SuperBlockGemvAdvSimd<Q3_K_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<SuperBlockTileDp<Q3_K_AdvSimd>>.Gemm);
            Add<Q4_K>(rows, Isa.AdvSimdDp, &SuperBlockGemvAdvSimd<Q4_K_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<SuperBlockTileDp<Q4_K_AdvSimd>>.Gemm);
            Add<Q5_K>(rows, Isa.AdvSimdDp, &SuperBlockGemvAdvSimd<Q5_K_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<SuperBlockTileDp<Q5_K_AdvSimd>>.Gemm);
            Add<Q6_K>(rows, Isa.AdvSimdDp, &SuperBlockGemvAdvSimd<Q6_K_AdvSimd, DotAdvSimdDp>.Gemv, &TileGemmAdvSimd<SuperBlockTileDp<Q6_K_AdvSimd>>.Gemm);
        }
    }
}
