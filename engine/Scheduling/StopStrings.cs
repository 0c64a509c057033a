using System.Text;

namespace Edge.Llm;

/// <summary>Finds stop strings in text that arrives in pieces, with one automaton for all of them (Aho and Corasick, 1975). Text that may be
/// the beginning of a stop string is held back until it is clear that it is not. What is found does not depend on where pieces end: it is the
/// stop string that is complete first, and of those that end there the longest.</summary>
internal sealed class StopStrings
{
    private const int MostStrings = 64, MostCharacters = 16 << 10;

    // A node a beginning of a stop string; 0 is the empty one.
    private readonly Dictionary<(int Node, char Next), int> _children = [];
    private readonly List<int> _lengths = [0];  // of the beginning
    private readonly List<int> _shorter = [0];  // the longest end of it that is a beginning as well
    private readonly List<int> _found = [0];    // the length of the longest stop string that it ends with, or 0
    private readonly StringBuilder _held = new();
    private int _node;

    /// <summary>Looks for these strings.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: one is empty, or they are more than 64 or have more than 16,384 characters together.</exception>
    public StopStrings(IReadOnlyList<string> stops)
    {
        if (stops.Count > MostStrings)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"{stops.Count} stop strings: expected at most {MostStrings}");
        long characters = 0;
        foreach (string stop in stops)
        {
            if (string.IsNullOrEmpty(stop)) throw new EdgeLlmException(ErrorCode.InvalidArgument, "a stop string is empty");
            characters += stop.Length;
        }
        if (characters > MostCharacters)
            throw new EdgeLlmException(ErrorCode.InvalidArgument, $"stop strings of {characters} characters together: expected at most {MostCharacters}");
        foreach (string stop in stops) Add(stop);
        LinkShorter();
    }

    /// <summary>The stop string that was found, or null.</summary>
    public string? Found { get; private set; }

    /// <summary>Takes the next piece and returns the text that is free to go. True for <paramref name="stopped"/>: a stop string begins
    /// right after that text; nothing more is to come.</summary>
    public string Append(string piece, out bool stopped)
    {
        stopped = false;
        if (_children.Count == 0 || piece.Length == 0) return piece;
        int held = _held.Length;
        _held.Append(piece);
        for (int i = 0; i < piece.Length && !stopped; i++)
        {
            _node = Next(_node, piece[i]);
            if (_found[_node] == 0) continue;
            _held.Length = held + i + 1;
            Found = _held.ToString(_held.Length - _found[_node], _found[_node]);
            _held.Length -= Found.Length;
            stopped = true;
        }
        string free = _held.ToString(0, stopped ? _held.Length : _held.Length - _lengths[_node]);
        _held.Remove(0, free.Length);
        return free;
    }

    /// <summary>The end has come: what was held back is no stop string.</summary>
    public string Flush()
    {
        string rest = _held.ToString();
        _held.Clear();
        _node = 0;
        return rest;
    }

    private int Next(int node, char next)
    {
        int child;
        while (!_children.TryGetValue((node, next), out child) && node != 0) node = _shorter[node];
        return child;
    }

    private void Add(string stop)
    {
        int node = 0;
        foreach (char next in stop)
        {
            if (!_children.TryGetValue((node, next), out int child))
            {
                child = _lengths.Count;
                _children.Add((node, next), child);
                _lengths.Add(_lengths[node] + 1);
                _shorter.Add(0);
                _found.Add(0);
            }
            node = child;
        }
        _found[node] = stop.Length;
    }

    // By length, so that what a node refers to is linked before it.
    private void LinkShorter()
    {
        foreach (((int node, char next), int child) in _children.OrderBy(edge => _lengths[edge.Value]))
        {
            if (node != 0) _shorter[child] = Next(_shorter[node], next);
            if (_found[child] == 0) _found[child] = _found[_shorter[child]];
        }
    }
}
