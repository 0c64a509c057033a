namespace Edge.Llm.Cli.Serve.Wire;

/// <summary>Bytes that all bodies of a server may take at a time: they are read before a model's limit of requests acts.</summary>
internal sealed class BodyBudget
{
    private long _used;

    /// <summary>A body's part of it, which is given back when its request ends.</summary>
    public Part Begin() => new(this);

    internal sealed class Part(BodyBudget budget) : IDisposable
    {
        private long _bytes;

        /// <summary>Takes more, if the body has grown.</summary>
        /// <exception cref="ApiException">There is no more.</exception>
        public void GrowTo(long bytes)
        {
            long more = bytes - _bytes;
            if (more <= 0) return;
            if (Interlocked.Add(ref budget._used, more) > Limits.BytesOfBodies)
            {
                Interlocked.Add(ref budget._used, -more);
                throw new ApiException(503, "the requests under way are too long together", null, "overloaded", retryAfter: 1);
            }
            _bytes = bytes;
        }

        public void Dispose() => Interlocked.Add(ref budget._used, -Interlocked.Exchange(ref _bytes, 0));
    }
}
