using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q5_K"/> at 512 bits. A scale holds for twice as many values as int16 holds products of, so a tile has each
/// scale twice.</summary>
internal readonly unsafe struct Q5_K_Vector512 : ISuperBlock512, ISuperBlock<Q5_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Products(byte* w, byte* x)
    {
        SuperBlockGemv.ScaleMins(w + 4, out Vector128<short> scales8, out _);
        Vector512<short> scales = scales8.ToVector256Unsafe().ToVector512Unsafe();
        // 64 bytes hold blocks 0 and 2 in their low nibbles, 1 and 3 in the high ones; block j's fifth bits are bit j of 32 bytes.
        Vector512<byte> nibble = Vector512.Create((byte)15), fifth = Vector512.Create((byte)16);
        Vector512<byte> q0 = Vector512.Load(w + 48), q1 = Vector512.Load(w + 112);
        Vector512<long> high = Vector256.Load((long*)(w + 16)).ToVector512Unsafe();
        Vector512<ushort> h = Avx512F.Shuffle4x128(high, high, 0x44).AsUInt16();
        Vector512<byte> h02 = Avx512BW.ShiftLeftLogicalVariable(h, SuperBlockDot512.PerHalf(4, 2)).AsByte() & fifth;
        Vector512<byte> h13 = Avx512BW.ShiftLeftLogicalVariable(h, SuperBlockDot512.PerHalf(3, 1)).AsByte() & fifth;
        Vector512<byte> h46 = Avx512BW.ShiftRightLogicalVariable(h, SuperBlockDot512.PerHalf(0, 2)).AsByte() & fifth;
        Vector512<byte> h57 = Avx512BW.ShiftRightLogicalVariable(h, SuperBlockDot512.PerHalf(1, 3)).AsByte() & fifth;
        Vector512<int> v0 = SuperBlockDot512.Blocks((q0 & nibble) | h02, x, x + 64, scales, SuperBlockDot512.Pair(0, 2));
        Vector512<int> v1 = SuperBlockDot512.Blocks(((q0.AsUInt16() >>> 4).AsByte() & nibble) | h13, x + 32, x + 96, scales, SuperBlockDot512.Pair(1, 3));
        v0 += SuperBlockDot512.Blocks((q1 & nibble) | h46, x + 128, x + 192, scales, SuperBlockDot512.Pair(4, 6));
        v1 += SuperBlockDot512.Blocks(((q1.AsUInt16() >>> 4).AsByte() & nibble) | h57, x + 160, x + 224, scales, SuperBlockDot512.Pair(5, 7));
        return v0 + v1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MinProducts(byte* w, byte* x) => Q4_K_Vector256.MinProducts(w, x);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixteenRows(byte* w, nint rowBytes, byte* tile)
    {
        Tile512.StoreScaleMins(w, rowBytes, tile, 2);
        Transpose512.SixteenRows(w + 16, rowBytes, out Vector512<int> h0, out Vector512<int> h1, out Vector512<int> h2, out Vector512<int> h3,
            out Vector512<int> h4, out Vector512<int> h5, out Vector512<int> h6, out Vector512<int> h7);
        for (int i = 0; i < 4; i++, tile += 2048)
        {
            Transpose512.SixteenRows(w + 48 + (32 * i), rowBytes, out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3,
                out Vector512<int> v4, out Vector512<int> v5, out Vector512<int> v6, out Vector512<int> v7);
            Store(v0, h0 >>> (2 * i), tile);
            Store(v1, h1 >>> (2 * i), tile + 128);
            Store(v2, h2 >>> (2 * i), tile + 256);
            Store(v3, h3 >>> (2 * i), tile + 384);
            Store(v4, h4 >>> (2 * i), tile + 512);
            Store(v5, h5 >>> (2 * i), tile + 640);
            Store(v6, h6 >>> (2 * i), tile + 768);
            Store(v7, h7 >>> (2 * i), tile + 896);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> q, Vector512<int> h, byte* to)
    {
        Vector512<int> nibble = Vector512.Create(0x0f0f0f0f), fifth = Vector512.Create(0x10101010);
        ((q & nibble) | ((h << 4) & fifth)).Store((int*)to);
        (((q >>> 4) & nibble) | ((h << 3) & fifth)).Store((int*)(to + 1024));
    }
}
