namespace Edge.Llm.Tests.Support;

/// <summary>Finds out whether code allocates managed memory.</summary>
internal static class Allocations
{
    /// <summary>Fails unless the work comes to allocate nothing. Code that is not optimized yet allocates, and a busy machine compiles it late:
    /// so it is given some time.</summary>
    /// <param name="measure">Does the work, and returns what <see cref="Of"/> found for it.</param>
    public static void ComeToNothing(Func<long> measure)
    {
        long allocated = measure();
        for (int round = 0; round < 50 && allocated > 0; round++)
        {
            Thread.Sleep(100);
            allocated = measure();
        }
        Assert.AreEqual(0, allocated);
    }

    /// <summary>The bytes that this thread allocates for a piece of work.</summary>
    public static long Of(Action work)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        work();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
