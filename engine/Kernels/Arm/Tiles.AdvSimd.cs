using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Four rows by one token, for <see cref="TileGemmAdvSimd{TTile}"/> without dot-product instructions: products of int8 have no form
/// that multiplies by a selected lane, so lanes run along the row as in a Gemv.</summary>
internal readonly unsafe struct SuperBlockTile<TFormat> : ITileAdvSimd where TFormat : struct, ISuperBlockAdvSimd
{
    public static int Rows => 4;

    public static int Tokens => 1;

    public static int Bytes => (4 * sizeof(UnpackedSuperBlock)) + 32;

    public static int GroupBytes => TFormat.GroupBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unpack(byte* w, nint rowBytes, int k, byte* tile)
    {
        for (int r = 0; r < 4; r++) UnpackedSuperBlock.Unpack<TFormat>(w + (r * rowBytes), (UnpackedSuperBlock*)tile + r);
        TFormat.Factors(w, w + rowBytes, w + (2 * rowBytes), w + (3 * rowBytes), out Vector128<float> d, out Vector128<float> dmin);
        var factors = (float*)(tile + (4 * sizeof(UnpackedSuperBlock)));
        AdvSimd.Store(factors, d);
        AdvSimd.Store(factors + 4, dmin);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(byte* tile, int tiles, byte* x, nint tokenStride, int tokens, float* sums)
    {
        Vector128<int>* parts = stackalloc Vector128<int>[4];
        for (; tiles > 0; tiles--, tile += Bytes, sums += 4)
        {
            Vector128<float> acc = AdvSimd.LoadVector128(sums);
            AdvSimd.Store(sums, SuperBlockGemvAdvSimd<UnpackedSuperBlock<TFormat>, DotAdvSimd>.Add(acc, tile, sizeof(UnpackedSuperBlock), x, parts));
        }
    }
}

/// <summary>The same for blocks of 32.</summary>
internal readonly unsafe struct BlockTile<TFormat> : ITileAdvSimd where TFormat : struct, IBlockGroupAdvSimd
{
    public static int Rows => 4;

    public static int Tokens => 1;

    public static int Bytes => 4 * sizeof(UnpackedGroup);

    public static int GroupBytes => TFormat.GroupBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Unpack(byte* w, nint rowBytes, int k, byte* tile)
    {
        for (int r = 0; r < 4; r++) UnpackedGroup.Unpack<TFormat>(w + (r * rowBytes), k, (UnpackedGroup*)tile + r);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(byte* tile, int tiles, byte* x, nint tokenStride, int tokens, float* sums)
    {
        Vector128<float>* parts = stackalloc Vector128<float>[4];
        for (; tiles > 0; tiles--, tile += Bytes, sums += 4)
        {
            Vector128<float> acc = AdvSimd.LoadVector128(sums);
            AdvSimd.Store(sums, BlockGemvAdvSimd<UnpackedGroup<TFormat>, DotAdvSimd>.Add(acc, tile, sizeof(UnpackedGroup), x, parts));
        }
    }
}
