using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Groups of eight blocks of 32, four rows by four tokens, laid out as in <see cref="SuperBlockTileDp{TFormat}"/>.</summary>
internal readonly unsafe struct BlockTileDp<TFormat> : ITileAdvSimd where TFormat : struct, IBlockGroupAdvSimd
{
    private const int ScalesOffset = 1024, MinsOffset = ScalesOffset + (8 * 16);

    public static int Rows => 4;

    public static int Tokens => 4;

    /// <summary>Values [64][4 rows][4] | float scales [8][4 rows] | float minimums, or scales of second halves, [8][4 rows].</summary>
    public static int Bytes => MinsOffset + (8 * 16);

    public static int GroupBytes => TFormat.GroupBytes;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(byte* w, nint rowBytes, int k, byte* tile)
    {
        UnpackedGroup* rows = stackalloc UnpackedGroup[4];
        for (int r = 0; r < 4; r++) UnpackedGroup.Unpack<TFormat>(w + (r * rowBytes), k, rows + r);
        UnpackedGroup* r0 = rows, r1 = rows + 1, r2 = rows + 2, r3 = rows + 3;
        DotAdvSimdDp.Interleave4(r0->Qs, r1->Qs, r2->Qs, r3->Qs, 256, tile);
        DotAdvSimdDp.Interleave4(r0->D, r1->D, r2->D, r3->D, 32, tile + ScalesOffset);
        if (TFormat.HasMins || TFormat.ScalesPer16) DotAdvSimdDp.Interleave4(r0->M, r1->M, r2->M, r3->M, 32, tile + MinsOffset);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(byte* tile, int tiles, byte* x, nint tokenStride, int tokens, float* sums)
    {
        // Tokens that are missing repeat the last one: its result is read before any is written, so it is only written again.
        nint t1 = Math.Min(1, tokens - 1), t2 = Math.Min(2, tokens - 1), t3 = Math.Min(3, tokens - 1);
        byte* x0 = x, x1 = x + (t1 * tokenStride), x2 = x + (t2 * tokenStride), x3 = x + (t3 * tokenStride);
        float* y0 = sums, y1 = sums + (t1 * MatMulArgs.TileRows), y2 = sums + (t2 * MatMulArgs.TileRows), y3 = sums + (t3 * MatMulArgs.TileRows);
        for (; tiles > 0; tiles--, tile += Bytes, y0 += 4, y1 += 4, y2 += 4, y3 += 4)
        {
            // As Canonical.Group: a tree of eight terms.
            Pair(tile, 0, x0, x1, x2, x3, out Vector128<float> g0, out Vector128<float> g1, out Vector128<float> g2, out Vector128<float> g3);
            Pair(tile, 2, x0, x1, x2, x3, out Vector128<float> p0, out Vector128<float> p1, out Vector128<float> p2, out Vector128<float> p3);
            g0 += p0;
            g1 += p1;
            g2 += p2;
            g3 += p3;
            Pair(tile, 4, x0, x1, x2, x3, out Vector128<float> h0, out Vector128<float> h1, out Vector128<float> h2, out Vector128<float> h3);
            Pair(tile, 6, x0, x1, x2, x3, out p0, out p1, out p2, out p3);
            Vector128<float> a0 = AdvSimd.LoadVector128(y0), a1 = AdvSimd.LoadVector128(y1);
            Vector128<float> a2 = AdvSimd.LoadVector128(y2), a3 = AdvSimd.LoadVector128(y3);
            AdvSimd.Store(y0, a0 + (g0 + (h0 + p0)));
            AdvSimd.Store(y1, a1 + (g1 + (h1 + p1)));
            AdvSimd.Store(y2, a2 + (g2 + (h2 + p2)));
            AdvSimd.Store(y3, a3 + (g3 + (h3 + p3)));
        }
    }

    // The terms of blocks b and b + 1, added. (Once for each b: addresses are then constants that the loads carry, by pairs.)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pair(byte* tile, [ConstantExpected(Max = 6)] int b, byte* x0, byte* x1, byte* x2, byte* x3,
        out Vector128<float> p0, out Vector128<float> p1, out Vector128<float> p2, out Vector128<float> p3)
    {
        Block(tile, b, x0, x1, x2, x3, out p0, out p1, out p2, out p3);
        Block(tile, b + 1, x0, x1, x2, x3, out Vector128<float> q0, out Vector128<float> q1, out Vector128<float> q2, out Vector128<float> q3);
        p0 += q0;
        p1 += q1;
        p2 += q2;
        p3 += q3;
    }

    // Block b's term for each token, as Canonical.Block.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block(byte* tile, int b, byte* x0, byte* x1, byte* x2, byte* x3,
        out Vector128<float> p0, out Vector128<float> p1, out Vector128<float> p2, out Vector128<float> p3)
    {
        Vector128<sbyte> a0 = AdvSimd.LoadVector128((sbyte*)x0 + (32 * b)), b0 = AdvSimd.LoadVector128((sbyte*)x0 + (32 * b) + 16);
        Vector128<sbyte> a1 = AdvSimd.LoadVector128((sbyte*)x1 + (32 * b)), b1 = AdvSimd.LoadVector128((sbyte*)x1 + (32 * b) + 16);
        Vector128<sbyte> a2 = AdvSimd.LoadVector128((sbyte*)x2 + (32 * b)), b2 = AdvSimd.LoadVector128((sbyte*)x2 + (32 * b) + 16);
        Vector128<sbyte> a3 = AdvSimd.LoadVector128((sbyte*)x3 + (32 * b)), b3 = AdvSimd.LoadVector128((sbyte*)x3 + (32 * b) + 16);
        Vector128<int> c0 = Vector128<int>.Zero, c1 = Vector128<int>.Zero, c2 = Vector128<int>.Zero, c3 = Vector128<int>.Zero;
        DotAdvSimdDp.Add16x4x4(ref c0, ref c1, ref c2, ref c3, (sbyte*)tile, 128 * b, a0, a1, a2, a3);
        Vector128<float> d = AdvSimd.LoadVector128((float*)(tile + ScalesOffset) + (4 * b));
        if (TFormat.ScalesPer16)
        {
            p0 = Term(c0, d, default, x0, b);
            p1 = Term(c1, d, default, x1, b);
            p2 = Term(c2, d, default, x2, b);
            p3 = Term(c3, d, default, x3, b);
            c0 = c1 = c2 = c3 = Vector128<int>.Zero;
            DotAdvSimdDp.Add16x4x4(ref c0, ref c1, ref c2, ref c3, (sbyte*)tile, (128 * b) + 64, b0, b1, b2, b3);
            Vector128<float> e = AdvSimd.LoadVector128((float*)(tile + MinsOffset) + (4 * b));
            p0 += Term(c0, e, default, x0, b);
            p1 += Term(c1, e, default, x1, b);
            p2 += Term(c2, e, default, x2, b);
            p3 += Term(c3, e, default, x3, b);
            return;
        }
        DotAdvSimdDp.Add16x4x4(ref c0, ref c1, ref c2, ref c3, (sbyte*)tile, (128 * b) + 64, b0, b1, b2, b3);
        Vector128<float> m = TFormat.HasMins ? AdvSimd.LoadVector128((float*)(tile + MinsOffset) + (4 * b)) : default;
        p0 = Term(c0, d, m, x0, b);
        p1 = Term(c1, d, m, x1, b);
        p2 = Term(c2, d, m, x2, b);
        p3 = Term(c3, d, m, x3, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Term(Vector128<int> isum, Vector128<float> d, Vector128<float> m, byte* x, int b)
    {
        float dx = ((float*)(x + Q8_32.DOffset))[b];
        Vector128<float> p = AdvSimd.MultiplyByScalar(AdvSimd.ConvertToSingle(isum) * d, Vector64.CreateScalarUnsafe(dx));
        if (!TFormat.HasMins) return p;
        return AdvSimd.Arm64.FusedMultiplyAddByScalar(p, m, Vector64.CreateScalarUnsafe(dx * ((int*)(x + Q8_32.SumsOffset))[b]));
    }
}
