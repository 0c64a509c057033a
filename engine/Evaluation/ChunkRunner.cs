
namespace Edge.Llm.Evaluation;

/// <summary>Runs chunks of text through a model and hands on the logits, a batch at a time: there is never a buffer of all of them.</summary>
internal static class ChunkRunner
{
    private const long LogitsBytes = 64 << 20;

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
    /// <exception cref="EdgeLlmException">Those of <see cref="Context.Forward"/>.</exception>
    public static void Run(Context context, ReadOnlySpan<int> tokens, int first, int wantedFrom, LogitsHandler handle, CancellationToken cancellation)
    {
        int[] chunk = [.. tokens];
        if (first >= 0 && chunk.Length > 0) chunk[0] = first;
        using Sequence sequence = context.NewSequence();
        context.Evaluate(sequence, chunk, wantedFrom, handle, cancellation);
    }
}
