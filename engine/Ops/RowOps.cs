using System.Diagnostics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Ops;

/// <summary>Operations that treat each token's row alone.</summary>
internal static unsafe class RowOps
{
    /// <summary>y = x / sqrt(mean(x^2) + eps) * weight, packed on the way in the forms in which y is read next.</summary>
    public static void RmsNorm(Cpu cpu, FloatRows x, Tensor weight, float eps, FloatRows y, InputFormats readers)
    {
        Debug.Assert(x.Width == y.Width && x.Count == y.Count && weight.Ne0 == x.Width && weight.Type == GgmlType.F32);
        var body = new RmsNormBody { Kernel = cpu.Float.RmsNorm, X = x, Weight = (float*)weight.Pointer, Eps = eps, Y = y };
        cpu.Packed.PackAfter(ref body, y, Bytes(x), readers);
    }

    /// <summary>y = (x - m) / sqrt(mean((x - m)^2) + eps) * weight + bias, m the mean of x if centered, else 0; packed on the way.</summary>
    public static void Norm(Cpu cpu, FloatRows x, Tensor? weight, Tensor? bias, float eps, bool centered, FloatRows y, InputFormats readers)
    {
        Debug.Assert(x.Width == y.Width && x.Count == y.Count);
        var body = new NormBody
        {
            Kernel = cpu.Float.Norm, X = x, Y = y, Eps = eps, Centered = centered,
            Weight = weight is { } w ? (float*)w.Pointer : null, Bias = bias is { } b ? (float*)b.Pointer : null,
        };
        cpu.Packed.PackAfter(ref body, y, Bytes(x), readers);
    }

    /// <summary>y += x.</summary>
    public static void Add(Cpu cpu, FloatRows y, FloatRows x)
    {
        Debug.Assert(x.Width == y.Width && x.Count == y.Count);
        var body = new AddBody { Kernel = cpu.Float.Add, Y = y, X = x };
        RowLoop<AddBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>y[t] += bias, a row of F32.</summary>
    public static void AddBias(Cpu cpu, FloatRows y, Tensor bias)
    {
        Debug.Assert(bias.Ne0 == y.Width && bias.Type == GgmlType.F32);
        var body = new AddBiasBody { Kernel = cpu.Float.Add, Y = y, Bias = (float*)bias.Pointer };
        RowLoop<AddBiasBody>.Run(cpu.Pool, y.Count, Bytes(y), ref body);
    }

    /// <summary>gate = silu(gate) * up, packed on the way in the forms in which it is read next.</summary>
    public static void SiluMul(Cpu cpu, FloatRows gate, FloatRows up, InputFormats readers)
    {
        Debug.Assert(gate.Width == up.Width && gate.Count == up.Count);
        var body = new SiluMulBody { Kernel = cpu.Float.SiluMul, Gate = gate, Up = up };
        cpu.Packed.PackAfter(ref body, gate, 2 * Bytes(gate), readers);
    }

    /// <summary>Rotates the first cos.Width values of every head of every row; each row has its own cos and sin.</summary>
    public static void Rope(Cpu cpu, FloatRows x, int headDim, bool neox, FloatRows cos, FloatRows sin)
    {
        Debug.Assert(x.Width % headDim == 0 && cos.Width <= headDim && cos.Width == sin.Width && cos.Count >= x.Count);
        var body = new RopeBody { Kernel = neox ? cpu.Float.RopeNeox : cpu.Float.RopeNorm, X = x, HeadDim = headDim, Cos = cos, Sin = sin };
        RowLoop<RopeBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>Row t of y = row tokens[t] of the embedding matrix, to floats.</summary>
    public static void Embed(Cpu cpu, Tensor embedding, int* tokens, FloatRows y)
    {
        Debug.Assert(embedding.Ne0 == y.Width);
        FormatRow format = KernelTable.FindFormat(embedding.Type)!;
        var body = new EmbedBody
        {
            Dequantize = format.Dequantize, Info = GgmlTypes.Get(embedding.Type), Embedding = embedding.Pointer, RowBytes = embedding.RowBytes, Tokens = tokens, Y = y,
        };
        RowLoop<EmbedBody>.Run(cpu.Pool, y.Count, Bytes(y), ref body);
    }

    /// <summary>Moves rows of x to its front: row i becomes row rows[i]; rows ascend.</summary>
    public static FloatRows KeepRows(FloatRows x, ReadOnlySpan<int> rows)
    {
        for (int i = 0; i < rows.Length; i++)
            if (rows[i] != i)
                x[rows[i]].CopyTo(x[i]);
        return x.First(rows.Length);
    }

    private static long Bytes(FloatRows x) => (long)x.Stride * sizeof(float);

    private struct RmsNormBody : IRowBody
    {
        public delegate*<float*, float*, float*, int, float, void> Kernel;
        public FloatRows X, Y;
        public float* Weight;
        public float Eps;

        public void Run(int row) => Kernel(X.Row(row), Weight, Y.Row(row), X.Width, Eps);
    }

    private struct NormBody : IRowBody
    {
        public delegate*<float*, float*, float*, float*, int, float, bool, void> Kernel;
        public FloatRows X, Y;
        public float* Weight, Bias;
        public float Eps;
        public bool Centered;

        public void Run(int row) => Kernel(X.Row(row), Weight, Bias, Y.Row(row), X.Width, Eps, Centered);
    }

    private struct AddBody : IRowBody
    {
        public delegate*<float*, float*, int, void> Kernel;
        public FloatRows Y, X;

        public void Run(int row) => Kernel(Y.Row(row), X.Row(row), X.Width);
    }

    private struct AddBiasBody : IRowBody
    {
        public delegate*<float*, float*, int, void> Kernel;
        public FloatRows Y;
        public float* Bias;

        public void Run(int row) => Kernel(Y.Row(row), Bias, Y.Width);
    }

    private struct SiluMulBody : IRowBody
    {
        public delegate*<float*, float*, int, void> Kernel;
        public FloatRows Gate, Up;

        public void Run(int row) => Kernel(Gate.Row(row), Up.Row(row), Gate.Width);
    }

    private struct RopeBody : IRowBody
    {
        public delegate*<float*, float*, float*, int, void> Kernel;
        public FloatRows X, Cos, Sin;
        public int HeadDim;

        public void Run(int row)
        {
            for (int i = 0; i < X.Width; i += HeadDim) Kernel(X.Row(row) + i, Cos.Row(row), Sin.Row(row), Cos.Width);
        }
    }

    private struct EmbedBody : IRowBody
    {
        public delegate*<byte*, float*, void> Dequantize;
        public GgmlTypeInfo Info;
        public byte* Embedding;
        public long RowBytes;
        public int* Tokens;
        public FloatRows Y;

        public void Run(int row)
        {
            byte* block = Embedding + (Tokens[row] * RowBytes);
            float* y = Y.Row(row);
            for (int i = 0; i < Y.Width; i += Info.BlockLength, block += Info.BlockBytes) Dequantize(block, y + i);
        }
    }
}
