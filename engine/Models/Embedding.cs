using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>What enters the layers of a token: its row of a table, times a factor, plus a row of its position, plus a row that all tokens
/// share; then a norm.</summary>
/// <param name="Tokens">A row for each token.</param>
internal sealed record Embedding(Tensor Tokens)
{
    /// <summary>Factor on the token's row.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>A row for each position, or null.</summary>
    public Tensor? Positions { get; init; }

    /// <summary>What is added to every token (its type, of which text has one), or null.</summary>
    public Tensor? Type { get; init; }

    /// <summary>The norm, or null.</summary>
    public Norm? Norm { get; init; }

    /// <summary>Computes x [n, n_embd]; h is working memory of the same size.</summary>
    public unsafe void Forward(Cpu cpu, BatchPlan batch, FloatRows x, FloatRows h)
    {
        RowOps.Embed(cpu, Tokens, batch.Tokens, x);
        cpu.Adapters?.AddTo(Tokens, batch.Tokens, x);
        if (Scale != 1) RowOps.Apply(cpu, Elementwise.Scale, x, Scale);
        if (Positions is { } positions)
        {
            RowOps.Embed(cpu, positions, batch.Positions, h);
            RowOps.Add(cpu, x, h);
        }
        if (Type is { } type) RowOps.AddBias(cpu, x, type);
        Norm?.Forward(cpu, x, x);
        cpu.Trace("inp_embd", -1, x);
    }
}
