using Edge.Llm.Ops;
using Edge.Llm.Threading;

namespace Edge.Llm.Models;

/// <summary>Rotary angles: each pair's frequency, worked out once, and the cos and sin of a batch's positions, worked out once a batch
/// for all layers and heads. All in double precision, rounded at the end.</summary>
internal sealed class RopeTables
{
    private const long SinCosCost = 512; // one takes as long as to go through so many bytes

    private readonly RopeConfig _config;
    private readonly double[] _frequencies;
    private readonly double _magnitude;

    /// <summary>The frequencies as llama.cpp defines them; <paramref name="factors"/> (rope_freqs) divide them, or are empty.</summary>
    public RopeTables(RopeConfig config, ReadOnlySpan<float> factors)
    {
        _config = config;
        int n = config.Dimensions;
        _frequencies = new double[n / 2];
        (double low, double high) = CorrectionRange(config);
        for (int i = 0; i < n / 2; i++)
        {
            double extrapolated = DoubleMath.Pow(config.FreqBase, -2.0 * i / n) / (factors.IsEmpty ? 1 : factors[i]);
            double interpolated = config.FreqScale * extrapolated;
            double ramp = 1 - Math.Clamp((i - low) / Math.Max(0.001, high - low), 0, 1);
            double mix = ramp * config.ExtFactor;
            _frequencies[i] = (interpolated * (1 - mix)) + (extrapolated * mix);
        }
        _magnitude = config.ExtFactor != 0 ? config.AttnFactor * (1 + (0.1 * DoubleMath.Log(1.0 / config.FreqScale))) : config.AttnFactor;
    }

    /// <summary>Radians that each pair turns a position.</summary>
    public ReadOnlySpan<double> Frequencies => _frequencies;

    /// <summary>Fills row t of cos and sin for positions[t], as the rotating kernels want them: each pair's value at the places of both
    /// of its members, the first one's sin negated.</summary>
    public unsafe void Fill(WorkerPool pool, int* positions, FloatRows cos, FloatRows sin)
    {
        var body = new FillBody { Tables = this, Positions = positions, Cos = cos, Sin = sin };
        RowLoop<FillBody>.Run(pool, cos.Count, SinCosCost * _frequencies.Length, ref body);
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
        public RopeTables Tables;
        public int* Positions;
        public FloatRows Cos, Sin;

        public void Run(int row)
        {
            double[] frequencies = Tables._frequencies;
            bool neox = Tables._config.Type == RopeType.Neox;
            float* cosRow = Cos.Row(row), sinRow = Sin.Row(row);
            for (int i = 0; i < frequencies.Length; i++)
            {
                (double sin, double cos) = DoubleMath.SinCos(Positions[row] * frequencies[i]);
                int first = neox ? i : 2 * i, second = neox ? i + frequencies.Length : first + 1;
                cosRow[first] = cosRow[second] = (float)(cos * Tables._magnitude);
                float s = (float)(sin * Tables._magnitude);
                sinRow[first] = -s;
                sinRow[second] = s;
            }
        }
    }
}
