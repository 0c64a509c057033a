using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edge.Llm.Kernels;

/// <summary>2 to 8 tokens times rows of Q8_0, at 256 bits, without a tile. A row's group is turned round in registers, so that each lane sums
/// products of one block; there it stays while the tokens pass. The activations are turned round once for all rows.</summary>
/// <typeparam name="TDot">Unsigned weights, sums in int32.</typeparam>
internal static unsafe class Q8_0Few256<TDot> where TDot : IDot256
{
    private const int MostTokens = 8;

    // Groups that pass at a time. Offsets in scratch: activations [group][token], p [token][8], a group made whole.
    private const int Span = 32, P = Span * MostTokens * Q8_32.Bytes, Whole = P + (MostTokens * 32), GroupBytes = 8 * Q8_0.Bytes;

    /// <summary>Whether it is the kernel for some tokens.</summary>
    public static bool Suits(MatMulArgs* args) => args->Tokens <= MostTokens && args->K >= 256;

    /// <summary>dst[t, r] for all tokens and rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(MatMulArgs* args)
    {
        Debug.Assert(Suits(args) && Whole + GroupBytes <= MatMulArgs.GemmScratchBytes(0));
        int groups = (args->K + 255) / 256;
        Unsafe.InitBlockUnaligned(args->Scratch + P, 0, MostTokens * 32); // tokens that are not there have sums of +0
        for (int first = 0; first < groups; first += Span)
        {
            int count = Math.Min(Span, groups - first);
            for (int g = 0; g < count; g++)
                for (int t = 0; t < args->Tokens; t++)
                    TurnActivations(
                        args->X + ((first + g) * args->XGroupStride) + (t * args->XTokenStride), args->Scratch + (((g * args->Tokens) + t) * Q8_32.Bytes));
            for (int r = 0; r < args->Rows; r++) Row(args, r, first, count);
        }
    }

    // Some groups of a row. The results of four tokens stand side by side.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(MatMulArgs* args, int row, int first, int count)
    {
        byte* x = args->Scratch, w = args->W + (row * args->RowBytes) + (first * GroupBytes);
        float* p = (float*)(x + P), dst = args->Dst + row;
        nint stride = args->DstStride;
        int tokens = args->Tokens, whole = (args->K / 256) - first;
        Vector128<float> low = first == 0 ? default : Load(dst, stride, tokens), high = first == 0 ? default : Load(dst + (4 * stride), stride, tokens - 4);
        for (int g = 0; g < count; g++, w += GroupBytes)
        {
            Sse.Prefetch0(w + 12288);
            Sse.Prefetch0(w + 12288 + 64);
            Sse.Prefetch0(w + 12288 + 128);
            Sse.Prefetch0(w + 12288 + 192);
            Sse.Prefetch0(w + 12288 + 256);
            x = Group(g == whole ? MakeWhole(args, w) : w, x, p, tokens);
            low += FourSums(p);
            if (tokens > 4) high += FourSums(p + 32);
        }
        Store(low, dst, stride, tokens);
        if (tokens > 4) Store(high, dst + (4 * stride), stride, tokens - 4);
    }

    // The p of each token. Returns where the activations of the next group are.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Group(byte* w, byte* x, float* p, int tokens)
    {
        Turn(BiasedQ8_0.Quants(w, 0), BiasedQ8_0.Quants(w, 1), BiasedQ8_0.Quants(w, 2), BiasedQ8_0.Quants(w, 3),
            out Vector256<byte> w0, out Vector256<byte> w1, out Vector256<byte> w2, out Vector256<byte> w3);
        Turn(BiasedQ8_0.Quants(w, 4), BiasedQ8_0.Quants(w, 5), BiasedQ8_0.Quants(w, 6), BiasedQ8_0.Quants(w, 7),
            out Vector256<byte> w4, out Vector256<byte> w5, out Vector256<byte> w6, out Vector256<byte> w7);
        BiasedQ8_0.Scales(w, out Vector256<float> d, out _);
        for (; tokens > 0; tokens--, x += Q8_32.Bytes, p += 8)
        {
            Vector256<int> a = TDot.First(w0, Vector256.Load((sbyte*)x)), b = TDot.First(w4, Vector256.Load((sbyte*)x + 128));
            a = TDot.Next(a, w1, Vector256.Load((sbyte*)x + 32));
            b = TDot.Next(b, w5, Vector256.Load((sbyte*)x + 160));
            a = TDot.Next(a, w2, Vector256.Load((sbyte*)x + 64));
            b = TDot.Next(b, w6, Vector256.Load((sbyte*)x + 192));
            a = TDot.Finish(TDot.Next(a, w3, Vector256.Load((sbyte*)x + 96)));
            b = TDot.Finish(TDot.Next(b, w7, Vector256.Load((sbyte*)x + 224)));
            Vector256<int> isum = Avx2.Permute2x128(a, b, 0x20) + Avx2.Permute2x128(a, b, 0x31) - Vector256.Load((int*)(x + Q8_32.SumsOffset));
            (Avx.ConvertToVector256Single(isum) * d * Vector256.Load((float*)(x + Q8_32.DOffset))).Store(p);
        }
        return x;
    }

    // A row's last group, zeros behind its end.
    private static byte* MakeWhole(MatMulArgs* args, byte* w)
    {
        byte* whole = args->Scratch + Whole;
        Unsafe.InitBlockUnaligned(whole, 0, GroupBytes);
        Unsafe.CopyBlockUnaligned(whole, w, (uint)(args->K % 256 / 32 * Q8_0.Bytes));
        return whole;
    }

    // Four blocks: dword j of each in the lower half of vector j, dword j + 4 in the upper one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(Vector256<byte> a, Vector256<byte> b, Vector256<byte> c, Vector256<byte> d,
        out Vector256<byte> v0, out Vector256<byte> v1, out Vector256<byte> v2, out Vector256<byte> v3)
    {
        Vector256<long> ab = Avx2.UnpackLow(a.AsInt32(), b.AsInt32()).AsInt64(), cd = Avx2.UnpackLow(c.AsInt32(), d.AsInt32()).AsInt64();
        v0 = Avx2.UnpackLow(ab, cd).AsByte();
        v1 = Avx2.UnpackHigh(ab, cd).AsByte();
        ab = Avx2.UnpackHigh(a.AsInt32(), b.AsInt32()).AsInt64();
        cd = Avx2.UnpackHigh(c.AsInt32(), d.AsInt32()).AsInt64();
        v2 = Avx2.UnpackLow(ab, cd).AsByte();
        v3 = Avx2.UnpackHigh(ab, cd).AsByte();
    }

    // With the sums come the 128 that every weight has too much.
    private static void TurnActivations(byte* x, byte* to)
    {
        for (int half = 0; half < 256; half += 128)
        {
            Turn(Vector256.Load(x + half), Vector256.Load(x + half + 32), Vector256.Load(x + half + 64), Vector256.Load(x + half + 96),
                out Vector256<byte> v0, out Vector256<byte> v1, out Vector256<byte> v2, out Vector256<byte> v3);
            v0.Store(to + half);
            v1.Store(to + half + 32);
            v2.Store(to + half + 64);
            v3.Store(to + half + 96);
        }
        Vector256.Load(x + Q8_32.DOffset).Store(to + Q8_32.DOffset);
        (Vector256.Load((int*)(x + Q8_32.SumsOffset)) << BiasedQ8_0.OffsetBits).Store((int*)(to + Q8_32.SumsOffset));
    }

    // The sum of a group for each of four tokens.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> FourSums(float* p)
    {
        Vector256<float> sums = Pairs(Pairs(Vector256.Load(p), Vector256.Load(p + 8)), Pairs(Vector256.Load(p + 16), Vector256.Load(p + 24)));
        return sums.GetLower() + sums.GetUpper();
    }

    // A horizontal add in fewer steps.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Pairs(Vector256<float> a, Vector256<float> b) => Avx.Shuffle(a, b, 0x88) + Avx.Shuffle(a, b, 0xdd);

    private static Vector128<float> Load(float* dst, nint stride, int tokens)
    {
        Vector128<float> sums = default;
        for (int t = 0; t < Math.Min(4, tokens); t++) sums = sums.WithElement(t, dst[t * stride]);
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<float> sums, float* dst, nint stride, int tokens)
    {
        dst[0] = sums.GetElement(0);
        if (tokens > 1) dst[stride] = sums.GetElement(1);
        if (tokens > 2) dst[2 * stride] = sums.GetElement(2);
        if (tokens > 3) dst[3 * stride] = sums.GetElement(3);
    }
}

/// <summary>Q8_0 times several tokens: <see cref="Q8_0Few256{TDot}"/> for a few, a tile for more.</summary>
internal static unsafe class Q8_0Gemm<TDot> where TDot : IDot256
{
    /// <summary>Tiles of 256 bits.</summary>
    public static void Run256(MatMulArgs* args)
    {
        if (Q8_0Few256<TDot>.Suits(args)) Q8_0Few256<TDot>.Run(args);
        else BlockGemm256<BiasedQ8_0, TDot>.Run(args);
    }

    /// <summary>Tiles of 512 bits.</summary>
    public static void Run512(MatMulArgs* args)
    {
        if (Q8_0Few256<TDot>.Suits(args)) Q8_0Few256<TDot>.Run(args);
        else BlockGemm512<WordsQ8_0>.Run<BlockGemv256<BiasedQ8_0, TDot>>(args);
    }
}
