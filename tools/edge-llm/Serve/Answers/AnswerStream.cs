using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Edge.Llm.Cli.Serve.Http;
using Edge.Llm.Cli.Serve.Models;

namespace Edge.Llm.Cli.Serve.Answers;

/// <summary>Answers to one prompt as they are generated, read without holding a thread. Disposing of it ends what is under way, and waits for
/// nothing.</summary>
internal sealed class AnswerStream : IDisposable
{
    // A signal is left when something was made: one is enough, however much it was.
    private readonly Channel<bool> _made = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource _ends;
    private readonly IReadOnlyList<Generation> _generations;
    private readonly RunningAnswers _running;
    private readonly RequestContext _request;
    private readonly bool[] _isCounted;

    /// <summary>Begins the answers to a request.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument, ContextFull, GrammarError.</exception>
    public AnswerStream(LoadedModel model, IReadOnlyList<int> prompt, GenerateOptions options, int count, RequestContext request)
    {
        _request = request;
        _isCounted = new bool[count];
        _ends = CancellationTokenSource.CreateLinkedTokenSource(request.Cancellation);
        options = options with { OnReady = () => _made.Writer.TryWrite(true) };
        try
        {
            Context context = model.RequireTexts();
            // It would have no end.
            if (options is { ContextShift: not null, MaxTokens: -1 }) options = options with { MaxTokens = context.Options.ContextSize };
            _generations = count == 1 ? [context.Generate(prompt, options, cancellation: _ends.Token)]
                : context.GenerateChoices(prompt, count, options, _ends.Token);
        }
        catch
        {
            _ends.Dispose();
            throw;
        }
        _running = model.Running;
        _running.Add(_generations);
    }

    /// <summary>How many answers.</summary>
    public int Count => _generations.Count;

    /// <summary>Counts and times of an answer.</summary>
    public GenerationStatistics Statistics(int choice) => _generations[choice].Statistics;

    /// <summary>All that the answers are made of, as it comes; each one's last item has a finish reason.</summary>
    /// <exception cref="EdgeLlmException">What ended one of them.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async IAsyncEnumerable<(int Choice, GeneratedToken Item)> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        int open = _generations.Count;
        while (true)
        {
            for (int i = 0; i < _generations.Count; i++)
                while (_generations[i].TryReadNext())
                {
                    GeneratedToken item = _generations[i].Current;
                    if (item.Finish == FinishReason.Cancelled) throw new OperationCanceledException(_ends.Token);
                    if (item.Finish is not null)
                    {
                        open--;
                        _running.Remove(_generations[i]);
                        CountOnce(i, item.Finish is FinishReason.Length or FinishReason.Deadline ? "length" : "stop");
                    }
                    _request.NoteToken();
                    yield return (i, item);
                }
            if (open == 0) yield break;
            await _made.Reader.ReadAsync(cancellation).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _ends.Cancel();
        _ends.Dispose();
        for (int i = 0; i < _generations.Count; i++)
        {
            _running.Remove(_generations[i]);
            CountOnce(i, _generations[i].IsOver ? "error" : "cancelled");
        }
    }

    // Of answers that are given up their tokens were made all the same.
    private void CountOnce(int choice, string finish)
    {
        if (_isCounted[choice]) return;
        _isCounted[choice] = true;
        _request.Count(Statistics(choice), withPrompt: choice == 0, finish);
    }
}
