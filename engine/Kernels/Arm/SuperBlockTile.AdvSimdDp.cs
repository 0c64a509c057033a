using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Edge.Llm.Kernels;

/// <summary>Super-blocks of four rows by four tokens: a vector holds four values of each row, an accumulator's lane is a row, and sdot
/// multiplies by four values of a token in a selected lane. So nothing is added across lanes, and the float steps take four rows at once.</summary>
internal readonly unsafe struct SuperBlockTileDp<TFormat> : ITileAdvSimd where TFormat : struct, ISuperBlockAdvSimd
{
    private const int ScalesOffset = 1024, MinsOffset = ScalesOffset + (16 * 16), FactorsOffset = MinsOffset + (16 * 8);

    public static int Rows => 4;

    public static int Tokens => 4;

    /// <summary>Values [64][4 rows][4] | int32 scales [16][4 rows] | int16 minimums [16][4 rows] | float d [4], dmin [4].</summary>
    public static int Bytes => FactorsOffset + 32;

    public static int GroupBytes => TFormat.GroupBytes;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(byte* w, nint rowBytes, int k, byte* tile)
    {
        UnpackedSuperBlock* rows = stackalloc UnpackedSuperBlock[4];
        for (int r = 0; r < 4; r++) UnpackedSuperBlock.Unpack<TFormat>(w + (r * rowBytes), rows + r);
        UnpackedSuperBlock* r0 = rows, r1 = rows + 1, r2 = rows + 2, r3 = rows + 3;
        DotAdvSimdDp.Interleave4(r0->Qs, r1->Qs, r2->Qs, r3->Qs, 256, tile);
        Block8(r0, r1, r2, r3, 0, tile);
        if (TFormat.ScalesPer16) Block8(r0, r1, r2, r3, 8, tile);
        TFormat.Factors(w, w + rowBytes, w + (2 * rowBytes), w + (3 * rowBytes), out Vector128<float> d, out Vector128<float> dmin);
        AdvSimd.Store((float*)(tile + FactorsOffset), d);
        AdvSimd.Store((float*)(tile + FactorsOffset) + 4, dmin);
    }

    // Scales, widened, and minimums of eight blocks.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block8(
        UnpackedSuperBlock* r0, UnpackedSuperBlock* r1, UnpackedSuperBlock* r2, UnpackedSuperBlock* r3, int first, byte* tile)
    {
        Vector128<short> s0 = AdvSimd.LoadVector128(r0->Scales + first), s1 = AdvSimd.LoadVector128(r1->Scales + first);
        Vector128<short> s2 = AdvSimd.LoadVector128(r2->Scales + first), s3 = AdvSimd.LoadVector128(r3->Scales + first);
        int* scales = (int*)(tile + ScalesOffset) + (4 * first);
        DotAdvSimdDp.Interleave4(
            AdvSimd.SignExtendWideningLower(s0.GetLower()), AdvSimd.SignExtendWideningLower(s1.GetLower()),
            AdvSimd.SignExtendWideningLower(s2.GetLower()), AdvSimd.SignExtendWideningLower(s3.GetLower()), scales);
        DotAdvSimdDp.Interleave4(
            AdvSimd.SignExtendWideningUpper(s0), AdvSimd.SignExtendWideningUpper(s1),
            AdvSimd.SignExtendWideningUpper(s2), AdvSimd.SignExtendWideningUpper(s3), scales + 16);
        if (TFormat.HasMins)
            AdvSimd.Arm64.StoreVectorAndZip((short*)(tile + MinsOffset) + (4 * first),
                (AdvSimd.LoadVector128(r0->Mins + first), AdvSimd.LoadVector128(r1->Mins + first),
                    AdvSimd.LoadVector128(r2->Mins + first), AdvSimd.LoadVector128(r3->Mins + first)));
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
            Vector128<int> s0 = Vector128<int>.Zero, s1 = s0, s2 = s0, s3 = s0;
            Add32(ref s0, ref s1, ref s2, ref s3, tile, x0, x1, x2, x3, 0);
            Add32(ref s0, ref s1, ref s2, ref s3, tile, x0, x1, x2, x3, 1);
            Add32(ref s0, ref s1, ref s2, ref s3, tile, x0, x1, x2, x3, 2);
            Add32(ref s0, ref s1, ref s2, ref s3, tile, x0, x1, x2, x3, 3);
            Add32(ref s0, ref s1, ref s2, ref s3, tile, x0, x1, x2, x3, 4);
            Add32(ref s0, ref s1, ref s2, ref s3, tile, x0, x1, x2, x3, 5);
            Add32(ref s0, ref s1, ref s2, ref s3, tile, x0, x1, x2, x3, 6);
            Add32(ref s0, ref s1, ref s2, ref s3, tile, x0, x1, x2, x3, 7);

            Vector128<float> d = AdvSimd.LoadVector128((float*)(tile + FactorsOffset));
            Vector128<float> f0 = AdvSimd.ConvertToSingle(s0) * d, f1 = AdvSimd.ConvertToSingle(s1) * d;
            Vector128<float> f2 = AdvSimd.ConvertToSingle(s2) * d, f3 = AdvSimd.ConvertToSingle(s3) * d;
            if (TFormat.HasMins)
            {
                Vector128<int> m0 = Vector128<int>.Zero, m1 = m0, m2 = m0, m3 = m0;
                var mins = (short*)(tile + MinsOffset);
                int offset = TFormat.ScalesPer16 ? Q8_K.Sums16Offset : Q8_K.Sums32Offset;
                Mins8(ref m0, ref m1, ref m2, ref m3, mins, x0 + offset, x1 + offset, x2 + offset, x3 + offset);
                if (TFormat.ScalesPer16)
                    Mins8(ref m0, ref m1, ref m2, ref m3, mins + 32, x0 + offset + 16, x1 + offset + 16, x2 + offset + 16, x3 + offset + 16);
                Vector128<float> dmin = AdvSimd.LoadVector128((float*)(tile + FactorsOffset) + 4);
                f0 = AdvSimd.FusedMultiplySubtract(f0, AdvSimd.ConvertToSingle(m0), dmin);
                f1 = AdvSimd.FusedMultiplySubtract(f1, AdvSimd.ConvertToSingle(m1), dmin);
                f2 = AdvSimd.FusedMultiplySubtract(f2, AdvSimd.ConvertToSingle(m2), dmin);
                f3 = AdvSimd.FusedMultiplySubtract(f3, AdvSimd.ConvertToSingle(m3), dmin);
            }
            Vector128<float> a0 = AdvSimd.LoadVector128(y0), a1 = AdvSimd.LoadVector128(y1);
            Vector128<float> a2 = AdvSimd.LoadVector128(y2), a3 = AdvSimd.LoadVector128(y3);
            AdvSimd.Store(y0, AdvSimd.Arm64.FusedMultiplyAddByScalar(a0, f0, Vector64.CreateScalarUnsafe(*(float*)(x0 + Q8_K.DOffset))));
            AdvSimd.Store(y1, AdvSimd.Arm64.FusedMultiplyAddByScalar(a1, f1, Vector64.CreateScalarUnsafe(*(float*)(x1 + Q8_K.DOffset))));
            AdvSimd.Store(y2, AdvSimd.Arm64.FusedMultiplyAddByScalar(a2, f2, Vector64.CreateScalarUnsafe(*(float*)(x2 + Q8_K.DOffset))));
            AdvSimd.Store(y3, AdvSimd.Arm64.FusedMultiplyAddByScalar(a3, f3, Vector64.CreateScalarUnsafe(*(float*)(x3 + Q8_K.DOffset))));
        }
    }

    // Values 32i..32i+31, times their scales. (Once for each i: addresses are then constants that the loads carry, by pairs.)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add32(ref Vector128<int> s0, ref Vector128<int> s1, ref Vector128<int> s2, ref Vector128<int> s3,
        byte* tile, byte* x0, byte* x1, byte* x2, byte* x3, [ConstantExpected(Max = 7)] int i)
    {
        Vector128<sbyte> a0 = AdvSimd.LoadVector128((sbyte*)x0 + (32 * i)), b0 = AdvSimd.LoadVector128((sbyte*)x0 + (32 * i) + 16);
        Vector128<sbyte> a1 = AdvSimd.LoadVector128((sbyte*)x1 + (32 * i)), b1 = AdvSimd.LoadVector128((sbyte*)x1 + (32 * i) + 16);
        Vector128<sbyte> a2 = AdvSimd.LoadVector128((sbyte*)x2 + (32 * i)), b2 = AdvSimd.LoadVector128((sbyte*)x2 + (32 * i) + 16);
        Vector128<sbyte> a3 = AdvSimd.LoadVector128((sbyte*)x3 + (32 * i)), b3 = AdvSimd.LoadVector128((sbyte*)x3 + (32 * i) + 16);
        Vector128<int> c0 = Vector128<int>.Zero, c1 = Vector128<int>.Zero, c2 = Vector128<int>.Zero, c3 = Vector128<int>.Zero;
        DotAdvSimdDp.Add16x4x4(ref c0, ref c1, ref c2, ref c3, (sbyte*)tile, 128 * i, a0, a1, a2, a3);
        if (TFormat.ScalesPer16)
        {
            Scale(ref s0, ref s1, ref s2, ref s3, c0, c1, c2, c3, tile, 2 * i);
            c0 = c1 = c2 = c3 = Vector128<int>.Zero;
        }
        DotAdvSimdDp.Add16x4x4(ref c0, ref c1, ref c2, ref c3, (sbyte*)tile, (128 * i) + 64, b0, b1, b2, b3);
        Scale(ref s0, ref s1, ref s2, ref s3, c0, c1, c2, c3, tile, TFormat.ScalesPer16 ? (2 * i) + 1 : i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(ref Vector128<int> s0, ref Vector128<int> s1, ref Vector128<int> s2, ref Vector128<int> s3,
        Vector128<int> c0, Vector128<int> c1, Vector128<int> c2, Vector128<int> c3, byte* tile, int block)
    {
        Vector128<int> scale = AdvSimd.LoadVector128((int*)(tile + (ScalesOffset + (16 * block))));
        s0 = AdvSimd.MultiplyAdd(s0, c0, scale);
        s1 = AdvSimd.MultiplyAdd(s1, c1, scale);
        s2 = AdvSimd.MultiplyAdd(s2, c2, scale);
        s3 = AdvSimd.MultiplyAdd(s3, c3, scale);
    }

    // Eight blocks' minimums times the sums of their activations.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mins8(ref Vector128<int> m0, ref Vector128<int> m1, ref Vector128<int> m2, ref Vector128<int> m3,
        short* mins, byte* x0, byte* x1, byte* x2, byte* x3)
    {
        Vector128<short> a0 = AdvSimd.LoadVector128((short*)x0), a1 = AdvSimd.LoadVector128((short*)x1);
        Vector128<short> a2 = AdvSimd.LoadVector128((short*)x2), a3 = AdvSimd.LoadVector128((short*)x3);
        Mins1(ref m0, ref m1, ref m2, ref m3, mins, a0, a1, a2, a3, 0);
        Mins1(ref m0, ref m1, ref m2, ref m3, mins + 4, a0, a1, a2, a3, 1);
        Mins1(ref m0, ref m1, ref m2, ref m3, mins + 8, a0, a1, a2, a3, 2);
        Mins1(ref m0, ref m1, ref m2, ref m3, mins + 12, a0, a1, a2, a3, 3);
        Mins1(ref m0, ref m1, ref m2, ref m3, mins + 16, a0, a1, a2, a3, 4);
        Mins1(ref m0, ref m1, ref m2, ref m3, mins + 20, a0, a1, a2, a3, 5);
        Mins1(ref m0, ref m1, ref m2, ref m3, mins + 24, a0, a1, a2, a3, 6);
        Mins1(ref m0, ref m1, ref m2, ref m3, mins + 28, a0, a1, a2, a3, 7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mins1(ref Vector128<int> m0, ref Vector128<int> m1, ref Vector128<int> m2, ref Vector128<int> m3,
        short* mins, Vector128<short> a0, Vector128<short> a1, Vector128<short> a2, Vector128<short> a3, [ConstantExpected(Max = (byte)7)] byte lane)
    {
        Vector64<short> min = AdvSimd.LoadVector64(mins);
        m0 = AdvSimd.MultiplyBySelectedScalarWideningLowerAndAdd(m0, min, a0, lane);
        m1 = AdvSimd.MultiplyBySelectedScalarWideningLowerAndAdd(m1, min, a1, lane);
        m2 = AdvSimd.MultiplyBySelectedScalarWideningLowerAndAdd(m2, min, a2, lane);
        m3 = AdvSimd.MultiplyBySelectedScalarWideningLowerAndAdd(m3, min, a3, lane);
    }
}
