using Edge.Llm.Kernels;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>Looks for NaN and infinity with all threads.</summary>
internal static unsafe class NonFinite
{
    private const int ChunkLength = 1 << 14;

    /// <summary>Index of the first row that holds one, or -1.</summary>
    public static int FindRow(WorkerPool pool, FloatRows x)
    {
        int chunksPerRow = (x.Width + ChunkLength - 1) / ChunkLength;
        var body = new Body { X = x, ChunksPerRow = chunksPerRow, FirstBad = int.MaxValue };
        pool.Run(x.Count * chunksPerRow, ref body);
        return body.FirstBad == int.MaxValue ? -1 : body.FirstBad;
    }

    private struct Body : IParallelBody
    {
        public FloatRows X;
        public int ChunksPerRow;
        public int FirstBad;

        public void Run(int chunk, int worker)
        {
            (int row, int part) = Math.DivRem(chunk, ChunksPerRow);
            int start = part * ChunkLength;
            if (Finite.All(X.Row(row) + start, Math.Min(ChunkLength, X.Width - start))) return;
            int seen = Volatile.Read(ref FirstBad);
            while (row < seen)
            {
                int now = Interlocked.CompareExchange(ref FirstBad, row, seen);
                if (now == seen) return;
                seen = now;
            }
        }
    }
}
