using System.Runtime.InteropServices;

namespace Edge.Llm;

/// <summary>Which tokens of a run get logits.</summary>
public enum LogitsOf
{
    /// <summary>None: the tokens only enter the cache.</summary>
    None,

    /// <summary>The last one.</summary>
    Last,

    /// <summary>Each one.</summary>
    All,
}

/// <summary>Runs of tokens that go through the model together, each the continuation of its sequence. A batch is filled, run, cleared
/// and filled again.</summary>
public sealed class Batch
{
    /// <summary>Tokens of a sequence; the last <paramref name="Guessed"/> may be taken back.</summary>
    internal readonly record struct Run(Sequence Sequence, int Row, int Count, int Guessed);

    private readonly List<int> _tokens = [];
    private readonly List<Run> _runs = [];
    private readonly List<int> _logitsRows = [];

    /// <summary>Tokens so far.</summary>
    public int Count => _tokens.Count;

    /// <summary>Rows of logits wanted so far.</summary>
    public int LogitsCount => _logitsRows.Count;

    internal ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    internal ReadOnlySpan<Run> Runs => CollectionsMarshal.AsSpan(_runs);

    /// <summary>The rows whose logits are wanted, ascending.</summary>
    internal ReadOnlySpan<int> LogitsRows => CollectionsMarshal.AsSpan(_logitsRows);

    /// <summary>Adds the next tokens of a sequence.</summary>
    /// <param name="sequence">The sequence, which may have several runs in a batch.</param>
    /// <param name="tokens">What follows the sequence and its earlier runs.</param>
    /// <param name="wanted">Which of them get logits.</param>
    public void Add(Sequence sequence, ReadOnlySpan<int> tokens, LogitsOf wanted = LogitsOf.Last)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (tokens.IsEmpty) return;
        int row = _tokens.Count;
        _runs.Add(new Run(sequence, row, tokens.Length, 0));
        _tokens.AddRange(tokens);
        if (wanted == LogitsOf.All) _logitsRows.AddRange(Enumerable.Range(row, tokens.Length));
        else if (wanted == LogitsOf.Last) _logitsRows.Add(_tokens.Count - 1);
    }

    /// <summary>Adds the next token of a sequence.</summary>
    public void Add(Sequence sequence, int token, bool wantLogits) => Add(sequence, [token], wantLogits ? LogitsOf.Last : LogitsOf.None);

    /// <summary>Adds the next tokens of a sequence and guesses of what follows them: the last of the tokens and each guess get logits. What is guessed
    /// wrong is trimmed after the pass.</summary>
    internal void AddGuessed(Sequence sequence, ReadOnlySpan<int> tokens, ReadOnlySpan<int> guesses)
    {
        int row = _tokens.Count;
        _runs.Add(new Run(sequence, row, tokens.Length + guesses.Length, guesses.Length));
        _tokens.AddRange(tokens);
        _tokens.AddRange(guesses);
        for (int last = row + tokens.Length - 1; last < _tokens.Count; last++) _logitsRows.Add(last);
    }

    /// <summary>Empties it.</summary>
    public void Clear()
    {
        _tokens.Clear();
        _runs.Clear();
        _logitsRows.Clear();
    }
}
