using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q4_K"/> at 512 bits.</summary>
internal readonly unsafe struct Q4_K_Vector512 : ISuperBlock512, ISuperBlock<Q4_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Products(byte* w, byte* x)
    {
        SuperBlockGemv.ScaleMins(w + 4, out Vector128<short> scales8, out _);
        Vector512<short> scales = scales8.ToVector256Unsafe().ToVector512Unsafe();
        // 64 bytes hold blocks 0 and 2 in their low nibbles, 1 and 3 in the high ones.
        Vector512<byte> nibble = Vector512.Create((byte)15), q0 = Vector512.Load(w + 16), q1 = Vector512.Load(w + 80);
        Vector512<int> v0 = SuperBlockDot512.Blocks(q0 & nibble, x, x + 64, scales, SuperBlockDot512.Pair(0, 2));
        Vector512<int> v1 = SuperBlockDot512.Blocks((q0.AsUInt16() >>> 4).AsByte() & nibble, x + 32, x + 96, scales, SuperBlockDot512.Pair(1, 3));
        v0 += SuperBlockDot512.Blocks(q1 & nibble, x + 128, x + 192, scales, SuperBlockDot512.Pair(4, 6));
        v1 += SuperBlockDot512.Blocks((q1.AsUInt16() >>> 4).AsByte() & nibble, x + 160, x + 224, scales, SuperBlockDot512.Pair(5, 7));
        return v0 + v1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MinProducts(byte* w, byte* x) => Q4_K_Vector256.MinProducts(w, x);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixteenRows(byte* w, nint rowBytes, byte* tile)
    {
        Tile512.StoreScaleMins(w, rowBytes, tile, 1);
        for (int i = 0; i < 4; i++, tile += 2048)
        {
            Transpose512.SixteenRows(w + 16 + (32 * i), rowBytes, out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3,
                out Vector512<int> v4, out Vector512<int> v5, out Vector512<int> v6, out Vector512<int> v7);
            Store(v0, tile);
            Store(v1, tile + 128);
            Store(v2, tile + 256);
            Store(v3, tile + 384);
            Store(v4, tile + 512);
            Store(v5, tile + 640);
            Store(v6, tile + 768);
            Store(v7, tile + 896);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, byte* to)
    {
        Vector512<int> nibble = Vector512.Create(0x0f0f0f0f);
        (q & nibble).Store((int*)to);
        ((q >>> 4) & nibble).Store((int*)(to + 1024));
    }
}
