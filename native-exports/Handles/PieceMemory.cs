namespace Edge.Llm.Native;

/// <summary>A step as callers see it, at addresses that stay until the next one.</summary>
internal sealed unsafe class PieceMemory
{
    private readonly Utf8Text _text = new();
    private TokenLogprobData[] _top = [], _sampledTop = [];

    /// <summary>Replaces the step.</summary>
    /// <param name="step">The step.</param>
    /// <param name="finish">How it ended the generation, or null.</param>
    /// <param name="id">What the caller calls the generation.</param>
    public PieceData Set(GeneratedToken step, FinishReason? finish, uint id)
    {
        _text.Set(step.Text);
        var piece = new PieceData
        {
            StructSize = (uint)sizeof(PieceData), Token = step.Token, Finish = (int)finish.GetValueOrDefault(), Id = id, Text = _text.Data, TextLength = _text.Length,
        };
        if (step.Probabilities is not { } told) return piece;
        (piece.Logprob, piece.SampledLogprob) = (told.Model, told.Sampled);
        (piece.TopCount, piece.SampledTopCount) = ((nuint)told.TopOfModel.Count, (nuint)told.TopOfSampled.Count);
        piece.Top = Copy(told.TopOfModel, ref _top);
        piece.SampledTop = Copy(told.TopOfSampled, ref _sampledTop);
        return piece;
    }

    private static TokenLogprobData* Copy(IReadOnlyList<TokenLogProbability> tokens, ref TokenLogprobData[] memory)
    {
        if (tokens.Count == 0) return null;
        if (memory.Length < tokens.Count) memory = GC.AllocateUninitializedArray<TokenLogprobData>(tokens.Count, pinned: true);
        for (int i = 0; i < tokens.Count; i++) memory[i] = new TokenLogprobData { Token = tokens[i].Token, Logprob = tokens[i].LogProbability };
        return (TokenLogprobData*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref memory[0]);
    }
}
