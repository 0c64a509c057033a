using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Bench;

/// <summary>One kernel row with a matrix and activations to run it on: a GEMV that reads about 100 MB, a GEMM of 16
/// tokens over the same, a GEMM of 128 tokens.</summary>
internal sealed unsafe class KernelWork : IDisposable
{
    /// <summary>Values a row.</summary>
    public const int K = 2048;

    /// <summary>Tokens of the GEMM.</summary>
    public const int Tokens = 128;

    /// <summary>Tokens of the small GEMM.</summary>
    public const int FewTokens = 16;

    private const int GemmRows = 512;

    private static readonly Dictionary<ActivationFormat, AlignedBuffer> s_activations = [];
    private static readonly AlignedBuffer s_scratch = new(MatMulArgs.GemmScratchBytes(Tokens));
    private static readonly AlignedBuffer s_weights = new((100 << 20) + (1 << 16));
    private static GgmlType? s_filled;

    [ThreadStatic]
    private static byte[]? t_scratch;

    private readonly KernelRow _row;
    private readonly AlignedBuffer _dst;
    private readonly int _gemvRows;
    private MatMulArgs _args;

    /// <summary>Prepares the work; <paramref name="gemvBytes"/> of weights for the GEMV. Rows of one type share their weights.</summary>
    public KernelWork(KernelRow row, long gemvBytes = 100 << 20)
    {
        _row = row;
        long rowBytes = GgmlTypes.RowBytes(row.Type, K);
        _gemvRows = (int)(gemvBytes / rowBytes);
        _dst = new AlignedBuffer(Math.Max((long)_gemvRows * FewTokens, GemmRows * Tokens) * sizeof(float));
        Fill(row.Type);
        _args = new MatMulArgs
        {
            W = s_weights.Data, RowBytes = (nint)rowBytes, K = K, X = Activations(row.Activation), XTokenStride = TokenBytes(row.Activation),
            XGroupStride = TokenBytes(row.Activation) * Tokens, Dst = (float*)_dst.Data, Scratch = s_scratch.Data,
        };
    }

    /// <summary>Gigabytes of weights a GEMV reads.</summary>
    public double GemvGigabytes => _gemvRows * _args.RowBytes / 1e9;

    /// <summary>10^9 multiply-accumulates of a GEMM.</summary>
    public static double GemmGigaMacs => (double)GemmRows * K * Tokens / 1e9;

    /// <summary>Runs the GEMV.</summary>
    public void Gemv() => Gemv(_gemvRows);

    /// <summary>Runs the GEMM.</summary>
    public void Gemm() => Gemm(GemmRows, Tokens);

    /// <summary>Runs the GEMV of the first rows.</summary>
    public void Gemv(int rows)
    {
        MatMulArgs args = _args;
        (args.Rows, args.Tokens, args.DstStride) = (rows, 1, rows);
        _row.Gemv(&args);
    }

    /// <summary>Runs the GEMM of the first rows and tokens.</summary>
    public void Gemm(int rows, int tokens)
    {
        MatMulArgs args = _args;
        (args.Rows, args.Tokens, args.DstStride) = (rows, tokens, rows);
        _row.Gemm(&args);
    }

    /// <summary>10^9 multiply-accumulates of a small GEMM.</summary>
    public double FewGigaMacs => (double)_gemvRows * K * FewTokens / 1e9;

    /// <summary>Runs the small GEMM, over the weights of the GEMV: sequences that are decoded together.</summary>
    public void Few()
    {
        MatMulArgs args = _args;
        (args.Rows, args.Tokens, args.DstStride) = (_gemvRows, FewTokens, _gemvRows);
        _row.Gemm(&args);
    }

    /// <summary>Bytes of a row of weights.</summary>
    public long RowBytes => _args.RowBytes;

    /// <summary>Multiplies some rows with the first tokens, as one thread of several.</summary>
    public void Multiply(int first, int rows, int tokens)
    {
        byte[] scratch = t_scratch ??= GC.AllocateUninitializedArray<byte>(MatMulArgs.GemmScratchBytes(Tokens) + 64, pinned: true);
        MatMulArgs args = _args;
        (args.Rows, args.Tokens, args.DstStride) = (rows, tokens, _gemvRows);
        args.W += first * args.RowBytes;
        args.Dst += first;
        args.Scratch = (byte*)(((nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(scratch)) + 63) & ~63);
        if (tokens == 1) _row.Gemv(&args);
        else _row.Gemm(&args);
    }

    /// <inheritdoc/>
    public void Dispose() => _dst.Dispose();

    private static int TokenBytes(ActivationFormat format) => format switch
    {
        ActivationFormat.F32 => 1024,
        ActivationFormat.Q8_K => Q8_K.Bytes,
        _ => Q8_32.Bytes,
    };

    // Sixteen bits 0x2c00..0x2fff are halves near 0.1 wherever a block has its scales; all that matters is that nothing is subnormal.
    private static void Fill(GgmlType type)
    {
        if (s_filled == type) return;
        var random = new Random(1);
        random.NextBytes(new Span<byte>(s_weights.Data, 1 << 20));
        int blockBytes = GgmlTypes.Get(type).BlockBytes;
        int period = (1 << 20) / blockBytes * blockBytes;
        for (int at = 0; at < period; at += blockBytes)
            foreach (int half in (ReadOnlySpan<int>)[0, 2, blockBytes - 4, blockBytes - 2])
                if (half >= 0 && blockBytes % 2 == 0) *(ushort*)(s_weights.Data + at + half) = (ushort)(0x2c00 + random.Next(0x400));
        for (long at = period; at < s_weights.Bytes; at += period)
            Buffer.MemoryCopy(s_weights.Data, s_weights.Data + at, s_weights.Bytes - at, Math.Min(period, s_weights.Bytes - at));
        s_filled = type;
    }

    private static byte* Activations(ActivationFormat format)
    {
        if (s_activations.TryGetValue(format, out AlignedBuffer? found)) return found.Data;
        int tokenBytes = TokenBytes(format);
        var packed = new AlignedBuffer((long)K / 256 * Tokens * tokenBytes);
        var random = new Random(2);
        float* x = stackalloc float[K];
        for (int t = 0; t < Tokens; t++)
        {
            for (int i = 0; i < K; i++) x[i] = random.NextSingle() - 0.5f;
            byte* dst = packed.Data + (t * tokenBytes);
            nint groupStride = tokenBytes * Tokens;
            if (format == ActivationFormat.Q8_K) Q8_K.Quantize(x, K, dst, groupStride);
            else if (format == ActivationFormat.Q8_32) Q8_32.Quantize(x, K, dst, groupStride);
            else
                for (int i = 0; i < K; i++) ((float*)(dst + (i / 256 * groupStride)))[i % 256] = x[i];
        }
        s_activations[format] = packed;
        return packed.Data;
    }
}
