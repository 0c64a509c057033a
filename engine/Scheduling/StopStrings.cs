using System.Text;

namespace Edge.Llm;

/// <summary>Finds stop strings in text that arrives in pieces. Text that may be the beginning of a stop string is held back until it is
/// clear that it is not, so no part of a stop string is ever let through.</summary>
internal sealed class StopStrings
{
    private readonly string[] _stops;
    private readonly StringBuilder _held = new();

    /// <summary>Looks for these strings.</summary>
    /// <exception cref="EdgeLlmException">InvalidArgument: one is empty.</exception>
    public StopStrings(IReadOnlyList<string> stops)
    {
        foreach (string stop in stops)
            if (string.IsNullOrEmpty(stop))
                throw new EdgeLlmException(ErrorCode.InvalidArgument, "a stop string is empty");
        _stops = [.. stops];
    }

    /// <summary>Takes the next piece and returns the text that is free to go. True for <paramref name="stopped"/>: a stop string begins
    /// right after that text; nothing more is to come.</summary>
    public string Append(string piece, out bool stopped)
    {
        stopped = false;
        if (_stops.Length == 0) return piece;
        string text = _held.Append(piece).ToString();
        _held.Clear();

        int first = text.Length;
        foreach (string stop in _stops)
            if (text.IndexOf(stop, StringComparison.Ordinal) is >= 0 and int at && at < first)
            {
                first = at;
                stopped = true;
            }
        if (stopped) return text[..first];

        foreach (string stop in _stops) first = Math.Min(first, StartOfPrefix(text, stop));
        _held.Append(text, first, text.Length - first);
        return text[..first];
    }

    /// <summary>The end has come: what was held back is no stop string.</summary>
    public string Flush()
    {
        string rest = _held.ToString();
        _held.Clear();
        return rest;
    }

    // Where the longest end of the text that begins the stop string starts.
    private static int StartOfPrefix(string text, string stop)
    {
        for (int start = Math.Max(0, text.Length - stop.Length + 1); start < text.Length; start++)
            if (stop.AsSpan().StartsWith(text.AsSpan(start)))
                return start;
        return text.Length;
    }
}
