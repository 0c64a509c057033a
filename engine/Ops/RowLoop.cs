using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>Work that is done row by row.</summary>
internal interface IRowBody
{
    /// <summary>Does one row.</summary>
    void Run(int row);
}

/// <summary>Splits rows over the pool in chunks that are worth a thread's while.</summary>
internal struct RowLoop<TBody> : IParallelBody where TBody : struct, IRowBody
{
    private TBody _body;
    private int _count;
    private int _rowsPerChunk;

    /// <summary>Does all rows; each touches about <paramref name="rowBytes"/> of memory.</summary>
    public static void Run(WorkerPool pool, int count, long rowBytes, ref TBody body)
    {
        int rowsPerChunk = (int)Math.Clamp(ChunkSize.Smallest / rowBytes, 1, Math.Max(1, count));
        var loop = new RowLoop<TBody> { _body = body, _count = count, _rowsPerChunk = rowsPerChunk };
        pool.Run((count + rowsPerChunk - 1) / rowsPerChunk, ref loop);
        body = loop._body;
    }

    public void Run(int chunk, int worker)
    {
        int end = Math.Min(_count, (chunk + 1) * _rowsPerChunk);
        for (int row = chunk * _rowsPerChunk; row < end; row++) _body.Run(row);
    }
}

/// <summary>How finely work is split.</summary>
internal static class ChunkSize
{
    /// <summary>Bytes that a chunk goes through at least: a microsecond or two, about what it costs to hand it to another thread.</summary>
    public const long Smallest = 32 << 10;

    /// <summary>Chunks that large work is split into, a thread: fine enough that at the end of a run no thread waits long for the others'
    /// last chunks (a thirty-second of a decode step's matmul is a few microseconds).</summary>
    public const int PerThread = 32;
}
