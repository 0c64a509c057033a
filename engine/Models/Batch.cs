using System.Runtime.InteropServices;

namespace Edge.Llm;

/// <summary>Tokens to run through the model together, each the next one of its sequence. To be filled, run, cleared and filled again.</summary>
public sealed class Batch
{
    private readonly List<int> _tokens = [];
    private readonly List<Sequence> _sequences = [];
    private readonly List<int> _logitsRows = [];

    /// <summary>Tokens so far.</summary>
    public int Count => _tokens.Count;

    /// <summary>Rows of logits asked for so far.</summary>
    public int LogitsCount => _logitsRows.Count;

    internal ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    internal ReadOnlySpan<Sequence> Sequences => CollectionsMarshal.AsSpan(_sequences);

    /// <summary>The rows whose logits are wanted, ascending.</summary>
    internal ReadOnlySpan<int> LogitsRows => CollectionsMarshal.AsSpan(_logitsRows);

    /// <summary>Adds the next token of a sequence; <paramref name="wantLogits"/> asks for the logits after it.</summary>
    public void Add(int token, Sequence sequence, bool wantLogits)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (wantLogits) _logitsRows.Add(_tokens.Count);
        _tokens.Add(token);
        _sequences.Add(sequence);
    }

    /// <summary>Adds the next tokens of a sequence and asks for the logits after the last of them.</summary>
    public void Add(ReadOnlySpan<int> tokens, Sequence sequence)
    {
        for (int i = 0; i < tokens.Length; i++) Add(tokens[i], sequence, i == tokens.Length - 1);
    }

    /// <summary>Empties it.</summary>
    public void Clear()
    {
        _tokens.Clear();
        _sequences.Clear();
        _logitsRows.Clear();
    }
}
