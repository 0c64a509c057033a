using System.Text;

namespace Edge.Llm.Cli.Terminal;

/// <summary>Joins lines to a message: a line that ends with a backslash goes on in the next one, and three quotes at the start of a message
/// take all lines up to three quotes at the end of one.</summary>
internal sealed class MessageLines
{
    private const string Quotes = "\"\"\"";
    private readonly StringBuilder _text = new();
    private bool _quoted;

    /// <summary>A message has begun and lacks its end.</summary>
    public bool Unfinished { get; private set; }

    /// <summary>Takes a line; the message, if it is complete now, or null.</summary>
    public string? Add(string line)
    {
        if (!Unfinished && line.TrimStart().StartsWith(Quotes, StringComparison.Ordinal))
        {
            _quoted = true;
            line = line.TrimStart()[Quotes.Length..];
        }
        bool goesOn = _quoted ? !line.TrimEnd().EndsWith(Quotes, StringComparison.Ordinal) : line.EndsWith('\\');
        if (goesOn)
        {
            // A line with nothing but the opening quotes is no line of the message.
            bool opening = _quoted && !Unfinished && line.Length == 0;
            if (!opening) _text.Append(_quoted ? line : line[..^1]).Append('\n');
            Unfinished = true;
            return null;
        }
        _text.Append(_quoted ? line.TrimEnd()[..^Quotes.Length] : line);
        string message = _text.ToString();
        // Nor is one with nothing but the closing quotes.
        if (_quoted && message.EndsWith('\n')) message = message[..^1];
        Clear();
        return message;
    }

    /// <summary>Forgets a message that lacks its end.</summary>
    public void Clear()
    {
        _text.Clear();
        _quoted = Unfinished = false;
    }
}
