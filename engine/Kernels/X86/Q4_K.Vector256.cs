using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="Q4_K"/> at 256 bits.</summary>
internal readonly unsafe struct Q4_K_Vector256 : ISuperBlock256, ISuperBlock<Q4_K>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Products<TScale>(byte* w, byte* x) where TScale : IScale256
    {
        SuperBlockGemv.ScaleMins(w + 4, out Vector128<short> scales8, out _);
        Vector256<short> scales = Vector256.Create(scales8, scales8);
        Vector256<byte> nibble = Vector256.Create((byte)15), q = Vector256.Load(w + 16);
        Vector256<int> v0 = SuperBlockDot256.Block<TScale>(Vector256<int>.Zero, q & nibble, x, scales, 0);
        Vector256<int> v1 = SuperBlockDot256.Block<TScale>(Vector256<int>.Zero, (q.AsUInt16() >>> 4).AsByte() & nibble, x + 32, scales, 1);
        q = Vector256.Load(w + 48);
        v0 = SuperBlockDot256.Block<TScale>(v0, q & nibble, x + 64, scales, 2);
        v1 = SuperBlockDot256.Block<TScale>(v1, (q.AsUInt16() >>> 4).AsByte() & nibble, x + 96, scales, 3);
        scales = SuperBlockDot256.UpperFour(scales);
        q = Vector256.Load(w + 80);
        v0 = SuperBlockDot256.Block<TScale>(v0, q & nibble, x + 128, scales, 0);
        v1 = SuperBlockDot256.Block<TScale>(v1, (q.AsUInt16() >>> 4).AsByte() & nibble, x + 160, scales, 1);
        q = Vector256.Load(w + 112);
        v0 = SuperBlockDot256.Block<TScale>(v0, q & nibble, x + 192, scales, 2);
        v1 = SuperBlockDot256.Block<TScale>(v1, (q.AsUInt16() >>> 4).AsByte() & nibble, x + 224, scales, 3);
        return v0 + v1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> MinProducts(byte* w, byte* x)
    {
        SuperBlockGemv.ScaleMins(w + 4, out _, out Vector128<short> mins);
        return Sse2.MultiplyAddAdjacent(mins, Vector128.Load((short*)(x + Q8_K.Sums32Offset)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightRows(byte* w, nint rowBytes, byte* tile)
    {
        Tile256.StoreScaleMins(w, rowBytes, tile, 1);
        for (int i = 0; i < 8; i++)
        {
            Transpose256.EightRows(w + 16 + (16 * i), rowBytes, out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
            byte* to = tile + (64 * ((8 * i) - (4 * (i & 1))));
            Store(v0, to);
            Store(v1, to + 64);
            Store(v2, to + 128);
            Store(v3, to + 192);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> q, byte* to)
    {
        Vector256<int> nibble = Vector256.Create(0x0f0f0f0f);
        (q & nibble).Store((int*)to);
        ((q >>> 4) & nibble).Store((int*)(to + 512));
    }
}
