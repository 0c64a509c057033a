using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <content>The float steps: a block's p, and groups of eight.</content>
internal static unsafe partial class BlockGemm256<TUnpack, TDot> where TUnpack : IUnpack256 where TDot : IDot256
{
    /// <summary>The p of one block for a token, of the sums of its halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreHalfBlocks(byte* tile, byte* x, int b, int token, Vector256<int> i0, Vector256<int> i1, Vector256<int> j0, Vector256<int> j1)
    {
        if (!TUnpack.ScalesPer16)
        {
            StoreBlock(tile, x, b, token, i0 + j0, i1 + j1);
            return;
        }
        Vector256<float> dx = Vector256.Create(((float*)(x + Q8_32.DOffset))[b]);
        float* d = (float*)(tile + D) + (b * Rows), m = (float*)(tile + M) + (b * Rows);
        float* p = (float*)(tile + P) + (b * 3 * Rows) + (token * Rows);
        (Term(i0, d, dx) + Term(j0, m, dx)).Store(p);
        (Term(i1, d + 8, dx) + Term(j1, m + 8, dx)).Store(p + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Term(Vector256<int> isum, float* d, Vector256<float> dx) =>
        Avx.ConvertToVector256Single(isum) * Vector256.Load(d) * dx;

    /// <summary>The p of one block for a token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock(byte* tile, byte* x, int b, int token, Vector256<int> i0, Vector256<int> i1)
    {
        int* sum = (int*)(x + Q8_32.SumsOffset) + b;
        float dx = ((float*)(x + Q8_32.DOffset))[b];
        float* d = (float*)(tile + D) + (b * Rows), m = (float*)(tile + M) + (b * Rows);
        float* p = (float*)(tile + P) + (b * 3 * Rows) + (token * Rows);
        if (TUnpack.OffsetBits >= 0)
        {
            Vector256<int> offset = Vector256.Create(*sum) << TUnpack.OffsetBits;
            i0 -= offset;
            i1 -= offset;
        }
        Vector256<float> scale = Vector256.Create(dx);
        Vector256<float> p0 = Avx.ConvertToVector256Single(i0) * Vector256.Load(d) * scale;
        Vector256<float> p1 = Avx.ConvertToVector256Single(i1) * Vector256.Load(d + 8) * scale;
        if (TUnpack.HasMins)
        {
            Vector256<float> scaledSum = Vector256.Create(dx * *sum);
            p0 = Fma.MultiplyAdd(Vector256.Load(m), scaledSum, p0);
            p1 = Fma.MultiplyAdd(Vector256.Load(m + 8), scaledSum, p1);
        }
        p0.Store(p);
        p1.Store(p + 8);
    }

    /// <summary><see cref="Canonical.Group"/> in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddGroup(float* p, float* strip)
    {
        for (int i = 0; i < Rows; i += 8)
            (Vector256.Load(strip + i) + (FourBlocks(p + i) + FourBlocks(p + i + 4 * 3 * Rows))).Store(strip + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> FourBlocks(float* p)
    {
        const int Next = 3 * Rows;
        return (Vector256.Load(p) + Vector256.Load(p + Next)) + (Vector256.Load(p + 2 * Next) + Vector256.Load(p + 3 * Next));
    }
}
