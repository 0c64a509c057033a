namespace Edge.Llm.Evaluation;

/// <summary>Runs chunks of text through a model and hands on the logits, a batch at a time: there is never a buffer of all of them.</summary>
internal static class ChunkRunner
{
    private const long LogitsBytes = 64 << 20;

    /// <summary>Is given the logits of a batch; those of its first row are of this position of the chunk.</summary>
    public delegate void RowsHandler(Logits logits, int position);

    /// <summary>Options for a context that runs chunks: room for one, and rows of logits within a fixed amount of memory.</summary>
    public static ContextOptions ContextFor(ContextOptions options, LanguageModel model, int chunkSize)
    {
        int batch = Math.Min(options.BatchSize, chunkSize);
        return options with
        {
            ContextSize = chunkSize, MaxSequences = 1, BatchSize = batch,
            LogitsRows = (int)Math.Clamp(LogitsBytes / (sizeof(float) * (long)model.VocabSize), 1, batch),
        };
    }

    /// <summary>Runs the tokens of a chunk, with <paramref name="first"/> in place of the first unless it is negative. The logits are wanted
    /// from a position on.</summary>
    /// <exception cref="EdgeLlmException">Those of <see cref="InferenceContext.Forward"/>.</exception>
    public static void Run(InferenceContext context, ReadOnlySpan<int> tokens, int first, int wantedFrom, RowsHandler handle,
        CancellationToken cancellation)
    {
        using Sequence sequence = context.NewSequence();
        var batch = new Batch();
        for (int at = 0; at < tokens.Length; at += batch.Count)
        {
            batch.Clear();
            while (batch.Count < context.Options.BatchSize && batch.LogitsCount < context.Options.LogitsRows && at + batch.Count < tokens.Length)
            {
                int position = at + batch.Count;
                batch.Add(position == 0 && first >= 0 ? first : tokens[position], sequence, position >= wantedFrom);
            }
            Logits logits = context.Forward(batch, cancellation);
            if (logits.Count > 0) handle(logits, at + batch.Count - logits.Count);
        }
    }
}
