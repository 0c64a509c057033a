namespace Edge.Llm.Threading;

/// <summary>The unclaimed chunks of a run, a range for each worker: it claims its own from the front, one after the other, so that it reads
/// memory in order; and when they are gone, those of others from the back. A chunk is claimed once, by one compare-and-swap. There may be
/// more workers than ranges: they have none of their own.</summary>
internal sealed class ChunkRanges(int ranges)
{
    /// <summary>Chunks that a run may have.</summary>
    public const int MaxChunks = ushort.MaxValue;

    // A worker's range: the number of the run in the upper half, so that no range is ever mistaken for an older one; first chunk; end.
    // Each lies on cache lines of its own (two: processors fetch them in pairs).
    private const int Spacing = 16;
    private readonly long[] _ranges = new long[ranges * Spacing];

    /// <summary>Shares out the chunks of a new run: the last run's are all claimed. A thread that claims one sees all that was written before.</summary>
    public void Share(int chunks, int run)
    {
        for (int w = 0; w < ranges; w++)
            Volatile.Write(ref _ranges[w * Spacing], ((long)run << 32) | (First(w) << 16) | First(w + 1));

        long First(int w) => (long)chunks * w / ranges;
    }

    /// <summary>Claims a chunk for a worker, and tells whose run it is of; false if there is none left.</summary>
    public bool TryClaim(int worker, out int chunk, out int run)
    {
        int own = worker % ranges;
        if (TryClaimFrom(own, front: worker < ranges, out chunk, out run)) return true;
        for (int w = own + 1; w < own + ranges; w++)
            if (TryClaimFrom(w < ranges ? w : w - ranges, front: false, out chunk, out run))
                return true;
        return false;
    }

    private bool TryClaimFrom(int owner, bool front, out int chunk, out int run)
    {
        ref long range = ref _ranges[owner * Spacing];
        for (long seen = Volatile.Read(ref range); ;)
        {
            int first = (ushort)(seen >> 16), end = (ushort)seen;
            run = (int)(seen >> 32);
            chunk = front ? first : end - 1;
            if (first == end) return false;
            long found = Interlocked.CompareExchange(ref range, front ? seen + (1 << 16) : seen - 1, seen);
            if (found == seen) return true;
            seen = found;
        }
    }
}
