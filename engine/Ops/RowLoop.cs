using Edge.Llm.Threading;

namespace Edge.Llm.Ops;

/// <summary>Work that is done row by row.</summary>
internal interface IRowBody
{
    /// <summary>Does one row.</summary>
    void Run(int row);
}

/// <summary>Splits rows over the pool, a few at a time.</summary>
internal struct RowLoop<TBody> : IParallelBody where TBody : struct, IRowBody
{
    private const int RowsPerChunk = 4;

    private TBody _body;
    private int _count;

    /// <summary>Does all rows.</summary>
    public static void Run(WorkerPool pool, int count, ref TBody body)
    {
        var loop = new RowLoop<TBody> { _body = body, _count = count };
        pool.Run((count + RowsPerChunk - 1) / RowsPerChunk, ref loop);
        body = loop._body;
    }

    /// <inheritdoc/>
    public void Run(int chunk, int worker)
    {
        int end = Math.Min(_count, (chunk + 1) * RowsPerChunk);
        for (int row = chunk * RowsPerChunk; row < end; row++) _body.Run(row);
    }
}
