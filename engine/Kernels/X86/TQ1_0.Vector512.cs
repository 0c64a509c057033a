using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="TQ1_0"/> at 512 bits: many tokens. One token runs at 256 bits: the format's runs of 32 bytes
/// fill such a register.</summary>
internal readonly unsafe struct TQ1_0_Vector512 : ISuperBlock512, ISuperBlock<TQ1_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Products(byte* w, byte* x) => TQ1_0_Vector256.Products<ScaleAvx2>(w, x).ToVector512();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SixteenRows(byte* w, nint rowBytes, byte* tile)
    {
        TQ2_0_Vector512.StoreOnes(tile);
        for (int i = 0; i < 3; i++)
        {
            // Digits of the first 32 bytes are 32 values apart, of the next 16 bytes 16.
            Transpose512.SixteenRows(w + (16 * i), rowBytes, out Vector512<int> v0, out Vector512<int> v1, out Vector512<int> v2, out Vector512<int> v3);
            byte* to = tile + (i < 2 ? 512 * i : 40 * 128);
            int step = i < 2 ? 1024 : 512;
            Store(v0, to, step, 5);
            Store(v1, to + 128, step, 5);
            Store(v2, to + 256, step, 5);
            Store(v3, to + 384, step, 5);
        }
        Store(Transpose512.Dwords(w + 48, rowBytes), tile + (60 * 128), 128, 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> bytes, byte* to, int step, int digits)
    {
        Vector512<byte> v = bytes.AsByte();
        for (int n = 0; n < digits; n++, to += step, v = v + v + v)
        {
            Vector512<byte> one = Vector512.GreaterThanOrEqual(v, Vector512.Create((byte)86)) & Vector512<byte>.One;
            (one + (Vector512.GreaterThanOrEqual(v, Vector512.Create((byte)171)) & Vector512<byte>.One)).Store(to);
        }
    }
}
