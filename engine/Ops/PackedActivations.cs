using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>The input of matmuls: float rows, packed on demand in each activation format that a weight asks for, once each however
/// many weights share the input. Layout: group g of 256 values of token t at X + g * GroupStride + t * TokenStride; the tokens of a
/// group lie side by side, which is the order in which a Gemm reads them. Floats are used where they are.</summary>
internal sealed unsafe class PackedActivations
{
    private readonly WorkerPool _pool;
    private readonly FloatKernels _kernels;
    private readonly byte*[] _buffers;
    private readonly bool[] _packed, _nonFinite; // by format
    private FloatRows _rows;

    /// <summary>Packs into <paramref name="q8K"/> and <paramref name="q8_32"/>, each <see cref="BufferBytes"/> of the largest input,
    /// or null if no weight has such a format.</summary>
    public PackedActivations(WorkerPool pool, FloatKernels kernels, byte* q8K, byte* q8_32)
    {
        _pool = pool;
        _kernels = kernels;
        _buffers = new byte*[3];
        _packed = new bool[3];
        _nonFinite = new bool[3];
        _buffers[(int)ActivationFormat.Q8_K] = q8K;
        _buffers[(int)ActivationFormat.Q8_32] = q8_32;
    }

    /// <summary>Bytes of a buffer for tokens of a width, in either quantized format.</summary>
    public static long BufferBytes(int tokens, int width) => (long)tokens * Groups(width) * Q8_K.Bytes;

    /// <summary>The rows to multiply.</summary>
    public FloatRows Rows => _rows;

    /// <summary>Sets the rows to multiply. What <see cref="PackAfter"/> has packed of just these rows serves, until <see cref="Forget"/>.</summary>
    public void Use(FloatRows rows)
    {
        if (rows.Data == _rows.Data && rows.Count == _rows.Count) return;
        _rows = rows;
        Array.Clear(_packed);
    }

    /// <summary>The rows may change from now on.</summary>
    public void Forget() => Use(default);

    /// <summary>Makes rows, and packs each while it is in the cache, in the forms in which they are read next.</summary>
    public void PackAfter<TBody>(ref TBody makes, FloatRows rows, long rowBytes, InputFormats formats) where TBody : struct, IRowBody
    {
        Forget();
        Use(rows);
        bool q8K = formats.HasFlag(InputFormats.Q8_K), q8_32 = formats.HasFlag(InputFormats.Q8_32);
        var body = new MakeAndQuantizeBody<TBody>
        {
            Makes = makes, IsQ8_K = q8K, IsQ8_32 = q8_32, Q8_K = Quantize(ActivationFormat.Q8_K), Q8_32 = Quantize(ActivationFormat.Q8_32),
        };
        RowLoop<MakeAndQuantizeBody<TBody>>.Run(_pool, rows.Count, rowBytes, ref body);
        if (q8K) Packed(ActivationFormat.Q8_K, body.Q8_K);
        if (q8_32) Packed(ActivationFormat.Q8_32, body.Q8_32);
    }

    /// <summary>The rows in a format. <paramref name="consumer"/> is the tensor to blame an error on.</summary>
    /// <exception cref="EdgeLlmException">NonFinite.</exception>
    public PackedView In(ActivationFormat format, string consumer)
    {
        if (format == ActivationFormat.F32)
        {
            _rows.ClearPadding(); // the kernels multiply whole vectors
            return new PackedView((byte*)_rows.Data, _rows.Stride * sizeof(float), 256 * sizeof(float));
        }
        if (!_packed[(int)format])
        {
            QuantizeBody body = Quantize(format);
            RowLoop<QuantizeBody>.Run(_pool, _rows.Count, (long)_rows.Stride * sizeof(float), ref body);
            Packed(format, body);
        }
        if (_nonFinite[(int)format]) ThrowNonFinite(consumer);
        return new PackedView(_buffers[(int)format], Q8_K.Bytes, GroupStride);
    }

    private nint GroupStride => (nint)_rows.Count * Q8_K.Bytes;

    private QuantizeBody Quantize(ActivationFormat format) => new()
    {
        Kernel = format == ActivationFormat.Q8_K ? _kernels.QuantizeQ8_K : _kernels.QuantizeQ8_32,
        Rows = _rows, Dst = _buffers[(int)format], GroupStride = GroupStride,
    };

    private void Packed(ActivationFormat format, QuantizeBody body) => (_packed[(int)format], _nonFinite[(int)format]) = (true, body.NonFinite);

    private static int Groups(int width) => (width + 255) / 256;

    private static void ThrowNonFinite(string consumer) =>
        throw new EdgeLlmException(ErrorCode.NonFinite, $"the input of {consumer} holds a NaN or an infinity");

    private struct QuantizeBody : IRowBody
    {
        public delegate*<float*, int, byte*, nint, bool> Kernel;
        public FloatRows Rows;
        public byte* Dst;
        public nint GroupStride;
        public bool NonFinite; // only ever set to true: a race is harmless

        public void Run(int row)
        {
            if (!Kernel(Rows.Row(row), Rows.Width, Dst + ((nint)row * Q8_K.Bytes), GroupStride)) NonFinite = true;
        }
    }

    private struct MakeAndQuantizeBody<TBody> : IRowBody where TBody : struct, IRowBody
    {
        public TBody Makes;
        public QuantizeBody Q8_K, Q8_32;
        public bool IsQ8_K, IsQ8_32;

        public void Run(int row)
        {
            Makes.Run(row);
            if (IsQ8_K) Q8_K.Run(row);
            if (IsQ8_32) Q8_32.Run(row);
        }
    }
}

/// <summary>Where packed activations lie.</summary>
internal readonly unsafe struct PackedView(byte* x, nint tokenStride, nint groupStride)
{
    /// <summary>First byte.</summary>
    public byte* X => x;

    /// <summary>Bytes from one token to the next.</summary>
    public nint TokenStride => tokenStride;

    /// <summary>Bytes from one group of 256 values to the next.</summary>
    public nint GroupStride => groupStride;
}
