using System.Runtime.CompilerServices;

namespace Edge.Llm.Kernels;

/// <summary>One row by one token, for <see cref="TileGemmAdvSimd{TTile}"/> without dot-product instructions: products of int8 have no form
/// that multiplies by a selected lane, so lanes run along the row as in a Gemv.</summary>
internal readonly unsafe struct SuperBlockTile<TFormat> : ITileAdvSimd where TFormat : struct, ISuperBlockAdvSimd
{
    /// <inheritdoc/>
    public static int Rows => 1;

    /// <inheritdoc/>
    public static int Tokens => 1;

    /// <inheritdoc/>
    public static int Bytes => sizeof(UnpackedSuperBlock);

    /// <inheritdoc/>
    public static int GroupBytes => TFormat.Bytes;

    /// <inheritdoc/>
    public static void Unpack(byte* w, nint rowBytes, int k, byte* tile) => UnpackedSuperBlock.Unpack<TFormat>(w, (UnpackedSuperBlock*)tile);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(byte* tile, byte* x, nint tokenStride, int tokens, float* sums) =>
        *sums = SuperBlockGemvAdvSimd<UnpackedSuperBlock<TFormat>, DotAdvSimd>.Add(*sums, tile, x);

    /// <inheritdoc/>
    public static void Gemv(MatMulArgs* a) => SuperBlockGemvAdvSimd<TFormat, DotAdvSimd>.Gemv(a);
}

/// <summary>The same for blocks of 32.</summary>
internal readonly unsafe struct BlockTile<TFormat> : ITileAdvSimd where TFormat : struct, IBlockGroupAdvSimd
{
    /// <inheritdoc/>
    public static int Rows => 1;

    /// <inheritdoc/>
    public static int Tokens => 1;

    /// <inheritdoc/>
    public static int Bytes => sizeof(UnpackedGroup);

    /// <inheritdoc/>
    public static int GroupBytes => TFormat.Bytes;

    /// <inheritdoc/>
    public static void Unpack(byte* w, nint rowBytes, int k, byte* tile) => UnpackedGroup.Unpack<TFormat>(w, k, (UnpackedGroup*)tile);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(byte* tile, byte* x, nint tokenStride, int tokens, float* sums) =>
        *sums = BlockGemvAdvSimd<UnpackedGroup<TFormat>, DotAdvSimd>.Add(*sums, tile, x);

    /// <inheritdoc/>
    public static void Gemv(MatMulArgs* a) => BlockGemvAdvSimd<TFormat, DotAdvSimd>.Gemv(a);
}
