using Edge.Llm.Ops;

namespace Edge.Llm.Models;

/// <summary>What recurrent mixers share: they step through each sequence's tokens on a state, and keep only the rows wanted at the end.</summary>
internal static unsafe class RecurrentMixer
{
    /// <summary>Brings the state of a run to where its steps work on it.</summary>
    public static float* StateOf(in StateRun run, nint offset, long values, int part, int parts)
    {
        // Parts of a state are worked on by several threads.
        long size = values / parts, first = part * size;
        float* next = (float*)(run.NextState + offset) + first;
        var to = new Span<float>(next, (int)size);
        if (run.State == null) to.Clear();
        else if (run.State != run.NextState) new ReadOnlySpan<float>((float*)(run.State + offset) + first, (int)size).CopyTo(to);
        return next;
    }

    /// <summary>y = output(x), of the rows that are wanted.</summary>
    public static void Project(Cpu cpu, BatchPlan batch, FloatRows x, Linear output, FloatRows y)
    {
        if (y.Count < x.Count) x = RowOps.KeepRows(x, batch.LogitsRows);
        MatMul.Run(cpu, x, output.To(y));
    }
}
