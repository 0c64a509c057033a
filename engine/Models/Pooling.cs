using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>How the vectors of a text's tokens become one; numbers as in GGUF's pooling_type.</summary>
internal enum Pooling
{
    /// <summary>They do not.</summary>
    None = 0,

    /// <summary>Their mean.</summary>
    Mean = 1,

    /// <summary>The first one.</summary>
    Cls = 2,

    /// <summary>The last one.</summary>
    Last = 3,

    /// <summary>Scores that a head makes of one of them.</summary>
    Rank = 4,
}

/// <summary>A step from a text's vector to what is asked for: norm(f(linear(v))).</summary>
internal sealed record HeadStep(Linear Linear, Elementwise? Function = null, Norm? Norm = null);

/// <summary>What becomes of the vectors of a text's tokens.</summary>
/// <param name="Kind">pooling_type.</param>
/// <param name="Row">Which vector, or mean, the head reads.</param>
/// <param name="Steps">The head.</param>
/// <param name="Softmax">Whether its results are made probabilities.</param>
internal sealed record PoolingSpec(Pooling Kind, Pooling Row, HeadStep[] Steps, bool Softmax = false)
{
    /// <summary>The same; where it scores, of another row, with another function between the head's matrices, or as probabilities.</summary>
    public PoolingSpec ScoringBy(Pooling row, Elementwise function = Elementwise.Tanh, bool softmax = false) => Kind != Pooling.Rank ? this : this with
    {
        Row = row, Softmax = softmax, Steps = Array.ConvertAll(Steps, step => step.Function is null ? step : step with { Function = function }),
    };
}

/// <summary>Computes a <see cref="PoolingSpec"/>'s head.</summary>
internal sealed class PoolingHead
{
    private readonly PoolingSpec _spec;
    private readonly FloatRows _in;
    private readonly FloatRows[] _out;

    /// <summary>Claims its buffers.</summary>
    public PoolingHead(PoolingSpec spec, Workspace workspace)
    {
        _spec = spec;
        if (spec.Steps.Length > 0) _in = workspace.Rows(1, spec.Steps[0].Linear.InputLength);
        _out = Array.ConvertAll(spec.Steps, step => workspace.Rows(1, step.Linear.OutputLength));
        foreach (HeadStep step in spec.Steps) workspace.ClaimInput(step.Linear);
    }

    /// <summary>What the head makes of a vector; without steps, the vector.</summary>
    public float[] Forward(Cpu cpu, float[] vector)
    {
        if (_spec.Steps.Length == 0) return vector;
        FloatRows x = _in;
        vector.CopyTo(x[0]);
        for (int i = 0; i < _out.Length; i++)
        {
            HeadStep step = _spec.Steps[i];
            MatMul.Run(cpu, x, step.Linear.To(_out[i]));
            x = _out[i];
            if (step.Function is { } function) RowOps.Apply(cpu, function, x);
            step.Norm?.Forward(cpu, x, x);
        }
        float[] result = x[0].ToArray();
        return _spec.Softmax ? Softmax(result) : result;
    }

    private static float[] Softmax(float[] x)
    {
        float max = x.Max();
        float[] e = Array.ConvertAll(x, value => ScalarMath.Exp(value - max));
        float sum = e.Sum();
        return Array.ConvertAll(e, value => value / sum);
    }
}
