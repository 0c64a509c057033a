namespace Edge.Llm.Threading;

/// <summary>How long an object with threads and native memory lives: until it is disposed of and the last use has ended. One that is never
/// disposed of is freed when nothing refers to its lifetime any more.</summary>
/// <param name="owner">The object, for messages.</param>
/// <param name="free">Frees it, once, on any thread.</param>
internal sealed class Lifetime(object owner, Action free) : IDisposable
{
    private readonly Gate _gate = new(owner, int.MaxValue, "", free);

    ~Lifetime() => _gate.Close();

    /// <summary>A use, during which the object stays.</summary>
    /// <exception cref="ObjectDisposedException">It is disposed of.</exception>
    public Gate.Use Hold() => _gate.Hold();

    public void Dispose()
    {
        _gate.Close();
        GC.SuppressFinalize(this);
    }
}
