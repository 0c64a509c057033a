using System.Diagnostics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Ops;

/// <summary>Operations on the heads that lie side by side in each row.</summary>
internal static unsafe partial class RowOps
{
    /// <summary>The norm of each head of every row. The weight is one head's, or holds all heads' side by side.</summary>
    public static void HeadNorm(Cpu cpu, FloatRows x, int headDim, Tensor? weight, Tensor? bias, float eps, bool centered)
    {
        Debug.Assert(x.Width % headDim == 0);
        var body = new HeadNormBody
        {
            Kernel = cpu.Float.Norm, X = x, HeadDim = headDim, Eps = eps, Centered = centered, Weight = weight is { } w ? (float*)w.Pointer : null,
            Bias = bias is { } b ? (float*)b.Pointer : null, Step = weight is { } any && any.Ne0 * any.Ne1 > headDim ? headDim : 0,
        };
        RowLoop<HeadNormBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>Rotates cos.Width values of every head of every row, the first ones or those from an offset on; each row has its own cos
    /// and sin.</summary>
    public static void Rope(Cpu cpu, FloatRows x, int headDim, bool neox, FloatRows cos, FloatRows sin, int offset = 0)
    {
        Debug.Assert(x.Width % headDim == 0 && offset + cos.Width <= headDim && cos.Width == sin.Width && cos.Count >= x.Count);
        var body = new RopeBody { Kernel = neox ? cpu.Float.RopeNeox : cpu.Float.RopeNorm, X = x, HeadDim = headDim, Offset = offset, Cos = cos, Sin = sin };
        RowLoop<RopeBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>Multiplies each head of every row with its own factor, f [n, heads].</summary>
    public static void ScaleHeads(Cpu cpu, FloatRows x, int headDim, FloatRows f)
    {
        Debug.Assert(x.Width == f.Width * headDim && x.Count == f.Count);
        var body = new ScaleHeadsBody { Kernel = cpu.Float.Apply[(int)Elementwise.Scale], X = x, Factors = f, HeadDim = headDim };
        RowLoop<ScaleHeadsBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>Copies values of every head of x to every head of y: <paramref name="count"/> of them from one offset to another. With a
    /// length of 0, x has one head, which goes to all of y's.</summary>
    public static void CopyHeads(Cpu cpu, FloatRows x, int xLength, int xOffset, FloatRows y, int yLength, int yOffset, int count)
    {
        Debug.Assert(x.Count == y.Count && yOffset + count <= yLength && (xLength == 0 || xOffset + count <= xLength));
        var body = new CopyHeadsBody { X = x, Y = y, XLength = xLength, YLength = yLength, XOffset = xOffset, YOffset = yOffset, Length = count };
        RowLoop<CopyHeadsBody>.Run(cpu.Pool, x.Count, Bytes(y), ref body);
    }

    /// <summary>The first values of every head of x [n, heads * length] as rows, head after head: row head * n + t.</summary>
    public static void HeadsToRows(Cpu cpu, FloatRows x, int length, FloatRows rows)
    {
        Debug.Assert(rows.Count == x.Count * (x.Width / length) && rows.Width <= length);
        var body = new HeadsBody { Heads = x, Rows = rows, Length = length, ToRows = true };
        RowLoop<HeadsBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>The way back: rows to the first values of every head of y.</summary>
    public static void RowsToHeads(Cpu cpu, FloatRows rows, FloatRows y, int length)
    {
        Debug.Assert(rows.Count == y.Count * (y.Width / length) && rows.Width <= length);
        var body = new HeadsBody { Heads = y, Rows = rows, Length = length };
        RowLoop<HeadsBody>.Run(cpu.Pool, y.Count, Bytes(y), ref body);
    }

    /// <summary>Takes rows of [a | b] a head apart: all heads' a to the rows of one, all heads' b to those of the other.</summary>
    public static void SplitHeads(Cpu cpu, FloatRows x, int headDim, FloatRows a, FloatRows b)
    {
        Debug.Assert(x.Width == 2 * a.Width && a.Width == b.Width && a.Width % headDim == 0);
        var body = new SplitHeadsBody { X = x, A = a, B = b, HeadDim = headDim };
        RowLoop<SplitHeadsBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    private struct HeadNormBody : IRowBody
    {
        public delegate*<float*, float*, float*, float*, int, float, bool, void> Kernel;
        public FloatRows X;
        public float* Weight, Bias;
        public int HeadDim, Step; // from one head's weights to the next's
        public float Eps;
        public bool Centered;

        public void Run(int row)
        {
            float* x = X.Row(row);
            for (int i = 0, w = 0; i < X.Width; i += HeadDim, w += Step)
                Kernel(x + i, Weight == null ? null : Weight + w, Bias == null ? null : Bias + w, x + i, HeadDim, Eps, Centered);
        }
    }

    private struct RopeBody : IRowBody
    {
        public delegate*<float*, float*, float*, int, void> Kernel;
        public FloatRows X, Cos, Sin;
        public int HeadDim, Offset;

        public void Run(int row)
        {
            for (int i = Offset; i < X.Width; i += HeadDim) Kernel(X.Row(row) + i, Cos.Row(row), Sin.Row(row), Cos.Width);
        }
    }

    private struct ScaleHeadsBody : IRowBody
    {
        public delegate*<float*, float*, int, float*, void> Kernel;
        public FloatRows X, Factors;
        public int HeadDim;

        public void Run(int row)
        {
            for (int head = 0; head < Factors.Width; head++) Kernel(X.Row(row) + (head * HeadDim), null, HeadDim, Factors.Row(row) + head);
        }
    }

    private struct CopyHeadsBody : IRowBody
    {
        public FloatRows X, Y;
        public int XLength, YLength, XOffset, YOffset, Length;

        public void Run(int row)
        {
            Span<float> x = X[row], y = Y[row];
            for (int head = 0; head < y.Length / YLength; head++)
                x.Slice((head * XLength) + XOffset, Length).CopyTo(y[((head * YLength) + YOffset)..]);
        }
    }

    private struct HeadsBody : IRowBody
    {
        public FloatRows Heads, Rows;
        public int Length;
        public bool ToRows;

        public void Run(int row)
        {
            for (int head = 0; head < Heads.Width / Length; head++)
            {
                Span<float> inHead = Heads[row].Slice(head * Length, Rows.Width), inRows = Rows[(head * Heads.Count) + row];
                if (ToRows) inHead.CopyTo(inRows);
                else inRows.CopyTo(inHead);
            }
        }
    }

    private struct SplitHeadsBody : IRowBody
    {
        public FloatRows X, A, B;
        public int HeadDim;

        public void Run(int row)
        {
            Span<float> x = X[row];
            for (int i = 0; i < A.Width; i += HeadDim)
            {
                x.Slice(2 * i, HeadDim).CopyTo(A[row][i..]);
                x.Slice((2 * i) + HeadDim, HeadDim).CopyTo(B[row][i..]);
            }
        }
    }
}
