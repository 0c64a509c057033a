using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <content>The float steps: a block's p, and groups of eight.</content>
internal static unsafe partial class BlockGemm512<T> where T : IUnpack512
{
    /// <summary>The p of one block for a token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock(byte* tile, byte* x, int b, int token, Vector512<int> i0, Vector512<int> i1)
    {
        int* sum = (int*)(x + Q8_32.SumsOffset) + b;
        float dx = ((float*)(x + Q8_32.DOffset))[b];
        float* d = (float*)(tile + D) + (b * Rows), m = (float*)(tile + M) + (b * Rows);
        float* p = (float*)(tile + P) + (b * 4 * Rows) + (token * Rows);
        if (T.OffsetBits >= 0)
        {
            Vector512<int> offset = Vector512.Create(*sum) << T.OffsetBits;
            i0 -= offset;
            i1 -= offset;
        }
        Vector512<float> scale = Vector512.Create(dx);
        Vector512<float> p0 = Avx512F.ConvertToVector512Single(i0) * Vector512.Load(d) * scale;
        Vector512<float> p1 = Avx512F.ConvertToVector512Single(i1) * Vector512.Load(d + 16) * scale;
        if (T.HasMins)
        {
            Vector512<float> scaledSum = Vector512.Create(dx * *sum);
            p0 = Avx512F.FusedMultiplyAdd(Vector512.Load(m), scaledSum, p0);
            p1 = Avx512F.FusedMultiplyAdd(Vector512.Load(m + 16), scaledSum, p1);
        }
        p0.Store(p);
        p1.Store(p + 16);
    }

    /// <summary>The p of one block for a token, of the sums of its halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreHalfBlocks(byte* tile, byte* x, int b, int token, Vector512<int> i0, Vector512<int> i1, Vector512<int> j0, Vector512<int> j1)
    {
        float* d = (float*)(tile + D) + (b * Rows), m = (float*)(tile + M) + (b * Rows);
        float* p = (float*)(tile + P) + (b * 4 * Rows) + (token * Rows);
        // The sum of the first 16 activations: unsigned, they are 128 more each.
        Vector128<byte> unsigned = Vector128.Load(x + (32 * b)) ^ Vector128.Create((byte)128);
        Vector128<int> eights = Sse2.SumAbsoluteDifferences(unsigned, Vector128<byte>.Zero).AsInt32();
        int sum = ((int*)(x + Q8_32.SumsOffset))[b], first = eights.GetElement(0) + eights.GetElement(2) - (16 * 128);
        Vector512<int> firstOffset = Vector512.Create(first << T.OffsetBits), secondOffset = Vector512.Create((sum - first) << T.OffsetBits);
        Vector512<float> dx = Vector512.Create(((float*)(x + Q8_32.DOffset))[b]);
        (Term(i0 - firstOffset, d, dx) + Term(j0 - secondOffset, m, dx)).Store(p);
        (Term(i1 - firstOffset, d + 16, dx) + Term(j1 - secondOffset, m + 16, dx)).Store(p + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Term(Vector512<int> isum, float* d, Vector512<float> dx) =>
        Avx512F.ConvertToVector512Single(isum) * Vector512.Load(d) * dx;

    /// <summary><see cref="Canonical.Group"/> in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddGroup(float* p, float* strip)
    {
        for (int i = 0; i < Rows; i += 16)
            (Vector512.Load(strip + i) + (FourBlocks(p + i) + FourBlocks(p + i + 4 * 4 * Rows))).Store(strip + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> FourBlocks(float* p)
    {
        const int Next = 4 * Rows;
        return (Vector512.Load(p) + Vector512.Load(p + Next)) + (Vector512.Load(p + 2 * Next) + Vector512.Load(p + 3 * Next));
    }
}
