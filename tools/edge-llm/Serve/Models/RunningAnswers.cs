namespace Edge.Llm.Cli.Serve.Models;

/// <summary>The answers that a model has under way, in the order in which they began.</summary>
internal sealed class RunningAnswers
{
    private readonly Lock _gate = new();
    private readonly List<(int Id, Generation Generation)> _answers = [];
    private int _last;

    public void Add(IEnumerable<Generation> generations)
    {
        lock (_gate)
            foreach (Generation generation in generations) _answers.Add((++_last, generation));
    }

    /// <summary>Takes one out that has ended; nothing happens if it is out already.</summary>
    public void Remove(Generation generation)
    {
        lock (_gate)
            if (_answers.FindIndex(answer => answer.Generation == generation) is >= 0 and var at) _answers.RemoveAt(at);
    }

    /// <summary>Each one's number and counts.</summary>
    public (int Id, GenerationStatistics Statistics)[] All()
    {
        lock (_gate) return [.. _answers.Select(answer => (answer.Id, answer.Generation.Statistics))];
    }
}
