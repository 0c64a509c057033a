using System.Globalization;

namespace Edge.Llm.Cli.Pull;

/// <summary>How long to wait for servers, and how often to try again.</summary>
internal sealed record Patience
{
    /// <summary>Attempts in a row that bring nothing.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>Before the second attempt; twice as long before each further one.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A server that asks for a longer wait is not waited for.</summary>
    public TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A connection that brings nothing for this time is broken.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Is told of an attempt that failed.</summary>
    public Action<string> Say { get; init; } = _ => { };

    /// <summary>Tries until it works. <paramref name="progress"/> tells how far the work is: attempts that got on do not count.</summary>
    /// <exception cref="PullException">It cannot work, or the attempts are used up.</exception>
    public async Task<T> Try<T>(Func<Task<T>> work, Func<long> progress, CancellationToken cancellation)
    {
        long before = progress();
        for (int failed = 1; ; failed++)
        {
            try
            {
                return await work();
            }
            catch (PullException e) when (e.MayPass)
            {
                if (progress() > before) failed = 1;
                before = progress();
                TimeSpan wait = e.Wait ?? FirstWait * (1 << (failed - 1));
                if (failed >= Attempts || wait > LongestWait) throw;
                Say(string.Create(CultureInfo.InvariantCulture, $"{e.Message}; trying again in {wait.TotalSeconds:0.#} s"));
                await Task.Delay(wait, cancellation);
            }
        }
    }
}
