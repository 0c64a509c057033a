using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>One token times rows of blocks of 32, at 256 bits: the eight blocks of a group land in the eight lanes of a vector.</summary>
internal readonly unsafe struct BlockGemv256<TUnpack, TDot> : IGemv where TUnpack : IUnpack256 where TDot : IDot256
{
    // A row passes in spans of 32 groups, whose partial results stay on the stack until they are added up four groups at a time.
    private const int Span = 32;

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Run(MatMulArgs* args)
    {
        if (args->K == 128)
        {
            RunRowsOf128(args);
            return;
        }
        float* p = stackalloc float[8 * Span];
        byte* padded = stackalloc byte[8 * 34];
        int blocks = args->K / 32, whole = blocks / 8, groups = (blocks + 7) / 8;
        for (int r = 0; r < args->Rows; r++)
        {
            byte* w = args->W + (r * args->RowBytes);
            byte* x = args->X;
            if (groups > whole)
            {
                int bytes = blocks % 8 * TUnpack.GroupBytes / 8;
                Unsafe.InitBlockUnaligned(padded, 0, (uint)TUnpack.GroupBytes);
                Unsafe.CopyBlockUnaligned(padded, w + (whole * TUnpack.GroupBytes), (uint)bytes);
            }
            float acc = 0;
            for (int first = 0; first < groups; first += Span)
            {
                int n = Math.Min(Span, groups - first);
                for (int g = 0; g < n; g++, w += TUnpack.GroupBytes, x += args->XGroupStride)
                    Group(first + g < whole ? w : padded, w, x).Store(p + 8 * g);
                for (int g = n; g % 4 != 0; g++) Vector256<float>.Zero.Store(p + 8 * g);
                for (int g = 0; g < n; g += 4) acc = BlockGemv.AddFour(acc, p + 8 * g);
            }
            args->Dst[r] = acc;
        }
    }

    // Two rows of four blocks lie side by side like a group of one row: they meet the activations twice. Eight rows at a time, the last from a copy.
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void RunRowsOf128(MatMulArgs* args)
    {
        Debug.Assert(2 * args->RowBytes == TUnpack.GroupBytes);
        float* p = stackalloc float[32];
        byte* x = stackalloc byte[Q8_32.Bytes], padded = stackalloc byte[4 * TUnpack.GroupBytes];
        BlockGemv.Twice(args->X, x);
        for (int r = 0; r < args->Rows; r += 8)
        {
            byte* w = args->W + (r * args->RowBytes), ahead = w;
            int rows = Math.Min(8, args->Rows - r);
            if (rows < 8)
            {
                Unsafe.InitBlockUnaligned(padded, 0, 4 * (uint)TUnpack.GroupBytes);
                Unsafe.CopyBlockUnaligned(padded, w, (uint)(rows * args->RowBytes));
                w = padded;
            }
            for (int i = 0; i < 4; i++, w += TUnpack.GroupBytes, ahead += TUnpack.GroupBytes) Group(w, ahead, x).Store(p + 8 * i);
            Vector256<float> sums = BlockGemv.EightRowsOf128(p);
            if (rows == 8) sums.Store(args->Dst + r);
            else for (int i = 0; i < rows; i++) args->Dst[r + i] = sums.GetElement(i);
        }
    }

    /// <summary>The eight p of a group. Prefetches 12 KB after <paramref name="ahead"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Group(byte* w, byte* ahead, byte* x)
    {
        Sse.Prefetch0(ahead + 12288);
        if (TUnpack.GroupBytes > 64) Sse.Prefetch0(ahead + 12288 + 64);
        if (TUnpack.GroupBytes > 128) Sse.Prefetch0(ahead + 12288 + 128);
        if (TUnpack.GroupBytes > 192)
        {
            Sse.Prefetch0(ahead + 12288 + 192);
            Sse.Prefetch0(ahead + 12288 + 256);
        }
        Vector256<long> even = Pairs(Block(w, x, 0), Block(w, x, 1)), odd = Pairs(Block(w, x, 2), Block(w, x, 3));
        Vector256<int> a = Avx2.UnpackLow(even, odd).AsInt32() + Avx2.UnpackHigh(even, odd).AsInt32();
        even = Pairs(Block(w, x, 4), Block(w, x, 5));
        odd = Pairs(Block(w, x, 6), Block(w, x, 7));
        Vector256<int> b = Avx2.UnpackLow(even, odd).AsInt32() + Avx2.UnpackHigh(even, odd).AsInt32();
        // The sums of the blocks' first halves and of their second ones.
        Vector256<int> first = Avx2.Permute2x128(a, b, 0x20), second = Avx2.Permute2x128(a, b, 0x31);
        TUnpack.Scales(w, out Vector256<float> d, out Vector256<float> m);
        Vector256<float> dx = Vector256.Load((float*)(x + Q8_32.DOffset));
        if (TUnpack.ScalesPer16) return (Avx.ConvertToVector256Single(first) * d * dx) + (Avx.ConvertToVector256Single(second) * m * dx);
        Vector256<int> isum = first + second, sums = Vector256.Load((int*)(x + Q8_32.SumsOffset));
        if (TUnpack.OffsetBits >= 0) isum -= sums << TUnpack.OffsetBits;
        Vector256<float> p = Avx.ConvertToVector256Single(isum) * d * dx;
        return TUnpack.HasMins ? Fma.MultiplyAdd(m, dx * Avx.ConvertToVector256Single(sums), p) : p;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Block(byte* w, byte* x, int b) =>
        TDot.Finish(TDot.First(TUnpack.Quants(w, b), Vector256.Load((sbyte*)(x + 32 * b))));

    // In each half: two partial sums of a, b, a, b. Integer adds: the order is free, and unpacking is cheaper than horizontal adds.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<long> Pairs(Vector256<int> a, Vector256<int> b) => (Avx2.UnpackLow(a, b) + Avx2.UnpackHigh(a, b)).AsInt64();
}
