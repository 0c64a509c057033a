using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>One token times rows of Q4_0, Q4_1, Q5_0 or Q5_1, at 512 bits: the sixteen blocks of two groups land in the
/// sixteen lanes. One 64-byte load brings two blocks. It reaches up to 28 bytes beyond them, into the
/// next row; the last row is read from a copy.</summary>
internal readonly unsafe struct NibbleGemv512<T> : IGemv where T : INibbles
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
        // The last row's end, and any row's that is not a whole two groups, is read from a padded copy: 1 to 17 blocks, so that two
        // blocks, more than a load reaches, follow the blocks that are read in place.
        byte* padded = stackalloc byte[32 * 24 + 64];
        Unsafe.InitBlockUnaligned(padded, 0, 32 * 24 + 64);
        int blocks = args->K / 32, groups = (blocks + 7) / 8, twos = Math.Max(blocks - 2, 0) / 16 * 2;
        int rest = (blocks - (8 * twos)) * T.BlockBytes;
        for (int r = 0; r < args->Rows; r++)
        {
            byte* w = args->W + (r * args->RowBytes), x = args->X, last = w + (twos * 8 * T.BlockBytes);
            if (blocks % 16 != 0 || r == args->Rows - 1)
            {
                Unsafe.CopyBlockUnaligned(padded, last, (uint)rest);
                last = padded;
            }
            float acc = 0;
            for (int first = 0; first < groups; first += Span)
            {
                int n = Math.Min(Span, groups - first);
                for (int g = 0; g < n; g += 2, w += 16 * T.BlockBytes, x += 2 * args->XGroupStride)
                {
                    // Where there is no second group its weights are zeros, so that any activations will do.
                    byte* x1 = g + 1 < n ? x + args->XGroupStride : x;
                    TwoGroups(first + g < twos ? w : last + ((first + g - twos) * 8 * T.BlockBytes), w, x, x1).Store(p + 8 * g);
                }
                if ((n - 1) % 4 < 2) Vector512<float>.Zero.Store(p + (n + 1) / 2 * 16);
                for (int g = 0; g < n; g += 4) acc = BlockGemv.AddFour(acc, p + 8 * g);
            }
            args->Dst[r] = acc;
        }
    }

    // Four rows of four blocks (the heads of latent attention) lie side by side like two groups of one row: they meet the activations twice.
    private static void RunRowsOf128(MatMulArgs* args)
    {
        Debug.Assert(args->RowBytes == 4 * T.BlockBytes);
        byte* x = stackalloc byte[Q8_32.Bytes], padded = stackalloc byte[16 * 24 + 64];
        new Span<byte>(padded, 16 * 24 + 64).Clear();
        BlockGemv.Twice(args->X, x);
        for (int r = 0; r < args->Rows; r += 4)
        {
            byte* w = args->W + (r * args->RowBytes), ahead = w;
            int rows = Math.Min(4, args->Rows - r);
            if (r + 4 >= args->Rows)
            {
                Unsafe.CopyBlockUnaligned(padded, w, (uint)(rows * args->RowBytes));
                w = padded;
            }
            Vector512<float> p = TwoGroups(w, ahead, x, x);
            // AddFour of a row's p, of four +0 and of three groups of +0.
            Vector128<float> sums = Sse3.HorizontalAdd(
                Sse3.HorizontalAdd(p.GetLower().GetLower(), p.GetLower().GetUpper()),
                Sse3.HorizontalAdd(p.GetUpper().GetLower(), p.GetUpper().GetUpper())) + Vector128<float>.Zero;
            if (rows == 4) sums.Store(args->Dst + r);
            else for (int i = 0; i < rows; i++) args->Dst[r + i] = sums.GetElement(i);
        }
    }

    /// <summary>The sixteen p of two groups. Prefetches 12 KB after <paramref name="ahead"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> TwoGroups(byte* w, byte* ahead, byte* x0, byte* x1)
    {
        Sse.Prefetch0(ahead + 12288);
        Sse.Prefetch0(ahead + 12288 + 64);
        Sse.Prefetch0(ahead + 12288 + 128);
        Sse.Prefetch0(ahead + 12288 + 192);
        Sse.Prefetch0(ahead + 12288 + 256);
        if (16 * T.BlockBytes > 320) Sse.Prefetch0(ahead + 12288 + 320);
        Vector512<int> a = FourPairs(w, x0), b = FourPairs(w + 8 * T.BlockBytes, x1);
        Vector512<int> isum = Avx512F.PermuteVar16x32(Avx512F.Shuffle4x128(a, b, 0x88) + Avx512F.Shuffle4x128(a, b, 0xdd),
            Vector512.Create(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
        Vector512<int> sums = Avx512F.InsertVector256(
            Vector256.Load((int*)(x0 + Q8_32.SumsOffset)).ToVector512Unsafe(), Vector256.Load((int*)(x1 + Q8_32.SumsOffset)), 1);
        if (!T.HasMins) isum -= sums << (T.HasHigh ? 4 : 3);
        Vector512<int> headers = Avx512F.InsertVector256(BlockHeaders(w), BlockHeaders(w + 8 * T.BlockBytes).GetLower(), 1);
        Vector512<float> dx = Avx512F.InsertVector256(
            Vector256.Load((float*)(x0 + Q8_32.DOffset)).ToVector512Unsafe(), Vector256.Load((float*)(x1 + Q8_32.DOffset)), 1);
        Vector512<float> p = Avx512F.ConvertToVector512Single(isum) * HalfFloat.LowerToSingle(headers) * dx;
        return T.HasMins ? Avx512F.FusedMultiplyAdd(HalfFloat.UpperToSingle(headers), dx * Avx512F.ConvertToVector512Single(sums), p) : p;
    }

    /// <summary>The first dwords of a group's eight blocks, in order, in the lower half. The group's first 64 words have most of them, its last
    /// 32 the rest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> BlockHeaders(byte* w)
    {
        Vector512<ushort> at = T.BlockBytes switch
        {
            18 => Vector512.Create(0x000a000900010000ul, 0x001c001b00130012, 0x002e002d00250024, 0x0040003f00370036, 0, 0, 0, 0).AsUInt16(),
            20 => Vector512.Create(0x000b000a00010000ul, 0x001f001e00150014, 0x0033003200290028, 0x00000000003d003c, 0, 0, 0, 0).AsUInt16(),
            22 => Vector512.Create(0x000c000b00010000ul, 0x0022002100170016, 0x00380037002d002c, 0, 0, 0, 0, 0).AsUInt16(),
            _ => Vector512.Create(0x000d000c00010000ul, 0x0025002400190018, 0x003d003c00310030, 0, 0, 0, 0, 0).AsUInt16(),
        };
        Vector512<ushort> headers = Avx512BW.PermuteVar32x16x2(Vector512.Load((ushort*)w), at, Vector512.Load((ushort*)(w + 64)));
        if (T.BlockBytes == 18) return headers.AsInt32(); // whose minimums are not there
        at = T.BlockBytes switch
        {
            20 => Vector512.Create(0x0003000200010000ul, 0x0007000600050004, 0x000b000a00090008, 0x00370036000d000c, 0, 0, 0, 0).AsUInt16(),
            22 => Vector512.Create(0x0003000200010000ul, 0x0007000600050004, 0x000b000a00090008, 0x00360035002b002a, 0, 0, 0, 0).AsUInt16(),
            _ => Vector512.Create(0x0003000200010000ul, 0x0007000600050004, 0x000b000a00090008, 0x0035003400290028, 0, 0, 0, 0).AsUInt16(),
        };
        return Avx512BW.PermuteVar32x16x2(headers, at, Vector512.Load((ushort*)(w + 8 * T.BlockBytes - 64))).AsInt32();
    }

    /// <summary>The sums of eight blocks, each in two parts: lanes 4i of the even ones, 8 + 4i of the odd ones. Up to here int16 suffices:
    /// 4 additions * 2 * 31 * 127 = 31,496.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> FourPairs(byte* w, byte* x)
    {
        Vector512<long> a = Add(Pair(w, x), Pair(w + 2 * T.BlockBytes, x + 64));
        Vector512<long> b = Add(Pair(w + 4 * T.BlockBytes, x + 128), Pair(w + 6 * T.BlockBytes, x + 192));
        return Avx512BW.MultiplyAddAdjacent(Avx512F.UnpackLow(a, b).AsInt16() + Avx512F.UnpackHigh(a, b).AsInt16(),
            Vector512.Create((short)1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> Add(Vector512<int> a, Vector512<int> b) =>
        (Avx512F.UnpackLow(a, b).AsInt16() + Avx512F.UnpackHigh(a, b).AsInt16()).AsInt64();

    /// <summary>Products of two blocks, in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Pair(byte* w, byte* x)
    {
        // Blocks are whole words: one permutation brings each block's nibbles to two 128-bit lanes, for the low and the high ones.
        Vector512<ushort> second = Vector512.Create(0ul, 0, 0, 0, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue).AsUInt16()
            & Vector512.Create((ushort)(T.BlockBytes / 2));
        Vector512<ushort> words = Vector512.Load((ushort*)w);
        Vector512<ushort> at = Vector512.Create(0x0003000200010000ul, 0x0007000600050004, 0x0003000200010000, 0x0007000600050004,
            0x0003000200010000, 0x0007000600050004, 0x0003000200010000, 0x0007000600050004).AsUInt16()
            + Vector512.Create((ushort)(T.BlockBytes / 2 - 8)) + second;
        Vector512<byte> q = Avx512F.ShiftRightLogicalVariable(Avx512BW.PermuteVar32x16(words, at).AsUInt32(),
            Vector512.Create(0u, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4)).AsByte() & Vector512.Create((byte)15);
        if (T.HasHigh)
        {
            // Word 0 of a block's fifth bits fills its first lane, word 1 its second; byte i looks at bit i % 8 of byte i / 8.
            at = Vector512.Create(0ul, 0, 0x0001000100010001, 0x0001000100010001, 0, 0, 0x0001000100010001, 0x0001000100010001).AsUInt16()
                + Vector512.Create((ushort)(T.BlockBytes / 2 - 10)) + second;
            Vector512<byte> high = Avx512BW.Shuffle(Avx512BW.PermuteVar32x16(words, at).AsByte(), Vector512.Create(
                0ul, 0x0101010101010101, 0, 0x0101010101010101, 0, 0x0101010101010101, 0, 0x0101010101010101).AsByte());
            Vector512<byte> bit = Vector512.Create(0x8040201008040201).AsByte();
            q |= Vector512.Equals(high & bit, bit) & Vector512.Create((byte)16);
        }
        return Avx512BW.MultiplyAddAdjacent(q, Vector512.Load((sbyte*)x)).AsInt32();
    }
}
