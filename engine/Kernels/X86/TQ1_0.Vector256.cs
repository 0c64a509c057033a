using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>Unpacks <see cref="TQ1_0"/> at 256 bits.</summary>
internal readonly unsafe struct TQ1_0_Vector256 : ISuperBlock256, ISuperBlock<TQ1_0>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Products<TScale>(byte* w, byte* x) where TScale : IScale256
    {
        Vector256<byte> v = Vector256.Load(w);
        Vector256<short> p0 = Dot(v, x);
        v = v + v + v;
        Vector256<short> p1 = Dot(v, x + 32);
        v = v + v + v;
        p0 += Dot(v, x + 64);
        v = v + v + v;
        p1 += Dot(v, x + 96);
        v = v + v + v;
        p0 += Dot(v, x + 128);
        // 16 bytes, then the same times three; both times nine.
        Vector128<byte> half = Vector128.Load(w + 32);
        v = Avx2.InsertVector128(half.ToVector256Unsafe(), half + half + half, 1);
        p1 += Dot(v, x + 160);
        v = v + v + v;
        v = v + v + v;
        p0 += Dot(v, x + 192);
        // Their fifth digits, then the four last bytes times 1, 3, 9 and 27.
        v = v + v + v;
        v = v + v + v;
        int h = *(int*)(w + 48), h3 = Triple(h), h9 = Triple(h3);
        p1 += Dot(Avx2.InsertVector128(v, Vector128.Create(h, h3, h9, Triple(h9)).AsByte(), 1), x + 224);
        // Less the activations' sum.
        return Avx2.MultiplyAddAdjacent(p0 + p1 - Vector256.Load((short*)(x + Q8_K.Sums16Offset)), Vector256<short>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightRows(byte* w, nint rowBytes, byte* tile)
    {
        TQ2_0_Vector256.StoreOnes(tile);
        for (int i = 0; i < 3; i++)
        {
            // Digits of the first 32 bytes are 32 values apart, of the next 16 bytes 16.
            Transpose256.EightRows(w + (16 * i), rowBytes, out Vector256<int> v0, out Vector256<int> v1, out Vector256<int> v2, out Vector256<int> v3);
            byte* to = tile + (i < 2 ? 256 * i : 40 * 64);
            int step = i < 2 ? 512 : 256;
            Store(v0, to, step, 5);
            Store(v1, to + 64, step, 5);
            Store(v2, to + 128, step, 5);
            Store(v3, to + 192, step, 5);
        }
        Store(Transpose256.Dwords(w + 48, rowBytes), tile + (60 * 64), 64, 4);
    }

    /// <summary>The first digit in base 3 of fractions v / 256.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Digit(Vector256<byte> v) => Vector256<byte>.Zero
        - (Avx2.CompareEqual(Avx2.Max(v, Vector256.Create((byte)86)), v) + Avx2.CompareEqual(Avx2.Max(v, Vector256.Create((byte)171)), v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Dot(Vector256<byte> v, byte* x) => Avx2.MultiplyAddAdjacent(Digit(v), Vector256.Load((sbyte*)x));

    // Each of four bytes times three.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Triple(int h)
    {
        uint even = ((uint)h & 0x00ff00ff) * 3, odd = (((uint)h >> 8) & 0x00ff00ff) * 3;
        return (int)((even & 0x00ff00ff) | ((odd & 0x00ff00ff) << 8));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> bytes, byte* to, int step, int digits)
    {
        Vector256<byte> v = bytes.AsByte();
        for (int n = 0; n < digits; n++, to += step, v = v + v + v) Digit(v).Store(to);
    }
}
