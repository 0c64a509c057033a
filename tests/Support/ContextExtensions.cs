namespace Edge.Llm.Tests.Support;

internal static class ContextExtensions
{
    /// <summary>Logits of every position of a new sequence, run in batches of a size.</summary>
    public static float[] AllLogits(this Context context, ReadOnlySpan<int> tokens, int batchSize)
    {
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        var all = new List<float>();
        for (int start = 0; start < tokens.Length; start += batchSize)
        {
            batch.Clear();
            batch.Add(sequence, tokens[start..Math.Min(tokens.Length, start + batchSize)], LogitsOf.All);
            Logits logits = context.Forward(batch);
            for (int row = 0; row < logits.Count; row++) all.AddRange(logits[row]);
        }
        return [.. all];
    }
}
