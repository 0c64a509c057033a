using System.Runtime.Intrinsics;
using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>Looks for NaN and infinity.</summary>
internal static unsafe class Finite
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

    private static bool All(float* x, int n)
    {
        Vector128<uint> infinity = Vector128.Create(0x7f800000u), bad = default;
        int i = 0;
        for (; i + 4 <= n; i += 4) bad |= Vector128.Equals(Vector128.Load((uint*)x + i) & infinity, infinity);
        bool finite = bad == Vector128<uint>.Zero;
        for (; i < n; i++) finite &= float.IsFinite(x[i]);
        return finite;
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
            if (All(X.Row(row) + start, Math.Min(ChunkLength, X.Width - start))) return;
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
