namespace Edge.Llm.Native;

/// <summary>What a handle stands for. It is freed when nobody uses it: the handle, calls under way, and resources made from it all count.</summary>
internal abstract class Resource
{
    private int _uses = 1; // the handle's

    /// <summary>What it is, for messages.</summary>
    public abstract string Kind { get; }

    /// <summary>Counts another use; somebody else's must be going on.</summary>
    public void AddUse() => Interlocked.Increment(ref _uses);

    /// <summary>Ends a use; the last one frees it.</summary>
    public void EndUse()
    {
        if (Interlocked.Decrement(ref _uses) == 0) Free();
    }

    /// <summary>Frees it: nobody uses it any more.</summary>
    protected abstract void Free();
}

/// <summary>A use of a resource, ended by <see cref="Dispose"/>.</summary>
internal readonly ref struct Use<T>(T resource) where T : Resource
{
    public T Resource => resource;

    public void Dispose() => resource.EndUse();
}
