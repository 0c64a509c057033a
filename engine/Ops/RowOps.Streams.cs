using System.Diagnostics;
using Edge.Llm.Kernels;

namespace Edge.Llm.Ops;

/// <summary>Operations of models with several residual streams. Their sums are in double, in ascending order.</summary>
internal static unsafe partial class RowOps
{
    /// <summary>y[t] *= |x[t]| / |y[t]|, Euclidean lengths.</summary>
    public static void MatchLength(Cpu cpu, FloatRows y, FloatRows x)
    {
        Debug.Assert(x.Width == y.Width && x.Count == y.Count);
        var body = new MatchLengthBody { Scale = cpu.Float.Apply[(int)Elementwise.Scale], X = x, Y = y };
        RowLoop<MatchLengthBody>.Run(cpu.Pool, y.Count, 2 * Bytes(y), ref body);
    }

    /// <summary>y[t] += x[t] * factors[t][column].</summary>
    public static void AddScaled(Cpu cpu, FloatRows y, FloatRows x, FloatRows factors, int column)
    {
        Debug.Assert(x.Width == y.Width && x.Count == y.Count && factors.Count == y.Count && column < factors.Width);
        var body = new AddScaledByColumnBody { Kernel = cpu.Float.AddScaled, X = x, Y = y, Factors = factors, Column = column };
        RowLoop<AddScaledByColumnBody>.Run(cpu.Pool, y.Count, 2 * Bytes(y), ref body);
    }

    /// <summary>x[t] *= factors, a row of F32, value by value.</summary>
    public static void ScaleColumns(Cpu cpu, FloatRows x, Tensor factors)
    {
        Debug.Assert(factors.Ne0 == x.Width && factors.Type == GgmlType.F32);
        var body = new ScaleColumnsBody { Scale = cpu.Float.Apply[(int)Elementwise.Scale], X = x, Factors = (float*)factors.Pointer };
        RowLoop<ScaleColumnsBody>.Run(cpu.Pool, x.Count, Bytes(x), ref body);
    }

    /// <summary>x = max(0, x - m - deviations * s), m the mean of the row and s its standard deviation, with n - 1.</summary>
    public static void KeepOutliers(Cpu cpu, FloatRows x, float deviations)
    {
        var body = new KeepOutliersBody { X = x, Deviations = deviations };
        RowLoop<KeepOutliersBody>.Run(cpu.Pool, x.Count, 4 * Bytes(x), ref body);
    }

    private struct MatchLengthBody : IRowBody
    {
        public delegate*<float*, float*, int, float*, void> Scale;
        public FloatRows X, Y;

        public void Run(int row)
        {
            float factor = (float)(Math.Sqrt(Squares(X[row])) / Math.Sqrt(Squares(Y[row])));
            Scale(Y.Row(row), null, Y.Width, &factor);
        }

        private static double Squares(ReadOnlySpan<float> x)
        {
            double sum = 0;
            foreach (float value in x) sum += (double)value * value;
            return sum;
        }
    }

    private struct AddScaledByColumnBody : IRowBody
    {
        public delegate*<float*, float*, int, float, void> Kernel;
        public FloatRows X, Y, Factors;
        public int Column;

        public void Run(int row) => Kernel(Y.Row(row), X.Row(row), X.Width, Factors.Row(row)[Column]);
    }

    private struct ScaleColumnsBody : IRowBody
    {
        public delegate*<float*, float*, int, float*, void> Scale;
        public FloatRows X;
        public float* Factors;

        public void Run(int row)
        {
            float one = 1;
            Scale(X.Row(row), Factors, X.Width, &one);
        }
    }

    private struct KeepOutliersBody : IRowBody
    {
        public FloatRows X;
        public float Deviations;

        public void Run(int row)
        {
            Span<float> x = X[row];
            double sum = 0, squares = 0;
            foreach (float value in x) sum += value;
            double mean = sum / x.Length;
            foreach (float value in x) squares += (value - mean) * (value - mean);
            float threshold = (float)(mean + (Deviations * Math.Sqrt(squares / (x.Length - 1))));
            for (int i = 0; i < x.Length; i++) x[i] = x[i] > threshold ? x[i] - threshold : x[i] <= threshold ? 0 : x[i]; // a NaN stays
        }
    }
}
