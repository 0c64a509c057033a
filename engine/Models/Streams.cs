using Edge.Llm.Kernels;
using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>Several residual streams (Gemma 3n): the first one is x, the others begin as projections of it and end as parts of a mean.</summary>
/// <param name="Split">A matrix [n_embd, n_embd] for each of the others, of the embedding.</param>
/// <param name="Merge">A matrix for each of the others, back to the first one.</param>
internal sealed record StreamsSpec(ExpertMatrices Split, ExpertMatrices Merge)
{
    /// <summary>Streams besides the first.</summary>
    public int Others => Split.Count;
}

/// <summary>Holds the streams besides x, and what a layer predicts of all of them.</summary>
internal sealed class Streams
{
    private readonly Linear[] _split, _merge;
    private readonly FloatRows[] _others, _predicted;
    private int _rows;

    /// <summary>Claims its buffers.</summary>
    public Streams(StreamsSpec spec, Workspace workspace)
    {
        _split = [.. Enumerable.Range(0, spec.Others).Select(spec.Split.Of)];
        _merge = [.. Enumerable.Range(0, spec.Others).Select(spec.Merge.Of)];
        int embd = spec.Split.InputLength;
        _others = [.. Enumerable.Range(0, spec.Others).Select(_ => workspace.RowsOfPass(embd))];
        _predicted = [.. Enumerable.Range(0, spec.Others + 1).Select(_ => workspace.RowsOfPass(embd))];
        workspace.ClaimInput(_split[0]);
        workspace.ClaimInput(_merge[0]);
    }

    /// <summary>Streams, x included.</summary>
    public int Count => _predicted.Length;

    /// <summary>Stream i of the current rows; x is number 0.</summary>
    public FloatRows Stream(int i, FloatRows x) => i == 0 ? x : _others[i - 1].First(_rows);

    /// <summary>What the layer predicted of stream i.</summary>
    public FloatRows Predicted(int i) => _predicted[i].First(_rows);

    /// <summary>Makes the others of x, each as long as x.</summary>
    public void Split(Cpu cpu, FloatRows x)
    {
        _rows = x.Count;
        for (int i = 1; i < Count; i++)
        {
            FloatRows other = Stream(i, x);
            MatMul.Run(cpu, x, _split[i - 1].To(other));
            RowOps.MatchLength(cpu, other, x);
        }
    }

    /// <summary>x = the mean of all streams, the others projected and as long as x was.</summary>
    public void Merge(Cpu cpu, FloatRows x)
    {
        for (int i = 1; i < Count; i++)
        {
            MatMul.Run(cpu, Stream(i, x), _merge[i - 1].To(Predicted(i)));
            RowOps.MatchLength(cpu, Predicted(i), x);
        }
        for (int i = 1; i < Count; i++) RowOps.Add(cpu, x, Predicted(i));
        RowOps.Apply(cpu, Elementwise.Scale, x, 1f / Count);
    }

    /// <summary>Keeps the rows whose logits are wanted.</summary>
    public void KeepRows(BatchPlan batch)
    {
        foreach (FloatRows rows in _others) RowOps.KeepRows(rows, batch.LogitsRows);
        foreach (FloatRows rows in _predicted) RowOps.KeepRows(rows, batch.LogitsRows);
        _rows = batch.LogitsRows.Length;
    }
}
