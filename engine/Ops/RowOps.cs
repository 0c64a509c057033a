using System.Diagnostics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Ops;

/// <summary>Operations that treat each token's row alone.</summary>
internal static unsafe partial class RowOps
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

    /// <summary>y += factor * x, at the values of y from <paramref name="first"/> on.</summary>
    public static void AddScaled(Cpu cpu, FloatRows y, int first, FloatRows x, float factor)
    {
        Debug.Assert(first + x.Width <= y.Width && x.Count == y.Count);
        var body = new AddScaledBody { Kernel = cpu.Float.AddScaled, Y = y, First = first, X = x, Factor = factor };
        RowLoop<AddScaledBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>y[t] += bias, a row of F32.</summary>
    public static void AddBias(Cpu cpu, FloatRows y, Tensor bias)
    {
        Debug.Assert(bias.Ne0 == y.Width && bias.Type == GgmlType.F32);
        var body = new AddBiasBody { Kernel = cpu.Float.Add, Y = y, Bias = (float*)bias.Pointer };
        RowLoop<AddBiasBody>.Run(cpu.Pool, y.Count, Bytes(y), ref body);
    }

    /// <summary>x = f(x), or f(x, y) where there is y, value by value; packed on the way in the forms in which x is read next. The values
    /// of p are the function's parameters.</summary>
    public static void Apply(Cpu cpu, Elementwise function, FloatRows x, FloatRows y, ReadOnlySpan<float> p, InputFormats readers = InputFormats.None)
    {
        Debug.Assert(y.Data == null || (x.Width == y.Width && x.Count == y.Count));
        fixed (float* parameters = p)
        {
            var body = new ApplyBody { Kernel = cpu.Float.Apply[(int)function], X = x, Y = y, P = parameters };
            cpu.Packed.PackAfter(ref body, x, 2 * Bytes(x), readers);
        }
    }

    /// <summary>x = f(x), value by value.</summary>
    public static void Apply(Cpu cpu, Elementwise function, FloatRows x, params ReadOnlySpan<float> p) => Apply(cpu, function, x, default, p);

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

    /// <summary>y = x.</summary>
    public static void Copy(Cpu cpu, FloatRows x, FloatRows y)
    {
        Debug.Assert(x.Width == y.Width && x.Count == y.Count);
        var body = new CopyBody { X = x, Y = y };
        RowLoop<CopyBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>y *= x, value by value.</summary>
    public static void Multiply(Cpu cpu, FloatRows y, FloatRows x) => Apply(cpu, Elementwise.Scale, y, x, [1]);

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

    private struct CopyBody : IRowBody
    {
        public FloatRows X, Y;

        public void Run(int row) => X[row].CopyTo(Y[row]);
    }

    private struct AddBody : IRowBody
    {
        public delegate*<float*, float*, int, void> Kernel;
        public FloatRows Y, X;

        public void Run(int row) => Kernel(Y.Row(row), X.Row(row), X.Width);
    }

    private struct AddScaledBody : IRowBody
    {
        public delegate*<float*, float*, int, float, void> Kernel;
        public FloatRows Y, X;
        public int First;
        public float Factor;

        public void Run(int row) => Kernel(Y.Row(row) + First, X.Row(row), X.Width, Factor);
    }

    private struct AddBiasBody : IRowBody
    {
        public delegate*<float*, float*, int, void> Kernel;
        public FloatRows Y;
        public float* Bias;

        public void Run(int row) => Kernel(Y.Row(row), Bias, Y.Width);
    }

    private struct ApplyBody : IRowBody
    {
        public delegate*<float*, float*, int, float*, void> Kernel;
        public FloatRows X, Y;
        public float* P;

        public void Run(int row) => Kernel(X.Row(row), Y.Data == null ? null : Y.Row(row), X.Width, P);
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
