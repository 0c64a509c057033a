using Edge.Llm.Kernels;
using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm.Models;

/// <summary>Rotary angles of one configuration: each pair's frequency, worked out once, and the cos and sin of a batch's positions, worked
/// out once a batch for all layers and heads that share it. All in double precision, rounded at the end.</summary>
internal sealed class RopeTable
{
    private const long SinCosCost = 512; // one takes as long as reading this many bytes

    private readonly RopeConfig _config;
    private readonly double[] _frequencies;

    /// <summary>The frequencies as llama.cpp defines them, in a context of a size. Cosines and sines are kept in the workspace.</summary>
    public RopeTable(RopeConfig config, Workspace workspace, int contextSize)
    {
        float[] factors = (contextSize > config.OriginalContextLength ? config.LongFactors : null) ?? config.Factors ?? [];
        _config = config;
        Cos = workspace.RowsOfPass(config.Dimensions);
        Sin = workspace.RowsOfPass(config.Dimensions);
        int n = config.Dimensions;
        _frequencies = new double[n / 2];
        (double low, double high) = CorrectionRange(config);
        for (int i = 0; i < n / 2; i++)
        {
            double extrapolated = DoubleMath.Pow(config.FreqBase, -2.0 * i / n) / (factors.Length == 0 ? 1 : factors[i]);
            double interpolated = config.FreqScale * extrapolated;
            double ramp = 1 - Math.Clamp((i - low) / Math.Max(0.001, high - low), 0, 1);
            double mix = ramp * config.ExtFactor;
            _frequencies[i] = (interpolated * (1 - mix)) + (extrapolated * mix);
        }
    }

    /// <summary>Whether pairs are halves of a head, not neighbours.</summary>
    public bool Neox => _config.Type == RopeType.Neox;

    /// <summary>Cosines of the batch's angles [n, n_rot].</summary>
    public FloatRows Cos { get; }

    /// <summary>Their sines.</summary>
    public FloatRows Sin { get; }

    /// <summary>Whether it is the table of a configuration.</summary>
    public bool Is(RopeConfig config) => _config == config;

    /// <summary>Radians that each pair turns a position.</summary>
    public ReadOnlySpan<double> Frequencies => _frequencies;

    /// <summary>Fills row t of cos and sin for positions[t], as the rotating kernels want them: each pair's value at the places of both
    /// of its members, the first one's sin negated.</summary>
    public unsafe void Fill(WorkerPool pool, int* positions, int count)
    {
        var body = new FillBody { Table = this, Positions = positions };
        RowLoop<FillBody>.Run(pool, count, SinCosCost * _frequencies.Length, ref body);
    }

    // The pairs between which YaRN goes over from unscaled to scaled angles: those that turn BetaFast and BetaSlow times
    // within the original context.
    private static (double Low, double High) CorrectionRange(RopeConfig config)
    {
        if (config.ExtFactor == 0) return (0, 0);
        double Dimension(double turns) =>
            config.Dimensions * DoubleMath.Log(config.OriginalContextLength / (turns * 2 * Math.PI)) / (2 * DoubleMath.Log(config.FreqBase));
        return (Math.Max(0, Math.Floor(Dimension(config.BetaFast))), Math.Min(config.Dimensions - 1, Math.Ceiling(Dimension(config.BetaSlow))));
    }

    private unsafe struct FillBody : IRowBody
    {
        public RopeTable Table;
        public int* Positions;

        public void Run(int row)
        {
            double[] frequencies = Table._frequencies;
            bool neox = Table.Neox;
            float* cosRow = Table.Cos.Row(row), sinRow = Table.Sin.Row(row);
            for (int i = 0; i < frequencies.Length; i++)
            {
                (double sin, double cos) = DoubleMath.SinCos(Positions[row] * frequencies[i]);
                int first = neox ? i : 2 * i, second = neox ? i + frequencies.Length : first + 1;
                cosRow[first] = cosRow[second] = (float)(cos * Table._config.Magnitude);
                float s = (float)(sin * Table._config.Magnitude);
                sinRow[first] = -s;
                sinRow[second] = s;
            }
        }
    }
}
