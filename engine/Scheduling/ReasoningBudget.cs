using System.Text;

namespace Edge.Llm.Scheduling;

/// <summary>Counts the tokens of the section in which a model writes to itself, and closes it at the limit. What it forces follows from the tokens
/// so far alone.</summary>
internal sealed class ReasoningBudget
{
    private const int None = -1;

    private readonly Tokenizer _tokenizer;
    private readonly byte[] _open, _close;
    private readonly int[] _closing; // the tokens of what closes the section
    private readonly int _most;
    private Phase _phase;
    private int _matched; // bytes of the marker that is waited for
    private int _used, _forced; // tokens of the section, and of what closes it
    private int _unfinished; // bytes that the character under way lacks

    /// <exception cref="EdgeLlmException">InvalidArgument.</exception>
    public ReasoningBudget(ReasoningLimit limit, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(limit.Open);
        ArgumentNullException.ThrowIfNull(limit.Close);
        if (limit.MaxTokens < 0) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"Reasoning.MaxTokens: expected 0 or more, found {limit.MaxTokens}");
        (_open, _close) = (Encoding.UTF8.GetBytes(limit.Open.Trim()), Encoding.UTF8.GetBytes(limit.Close.Trim()));
        if (_close.Length == 0 || (_open.Length == 0 && !limit.IsOpen))
            throw new EdgeLlmException(ErrorCode.InvalidArgument, "Reasoning: what opens or closes a section is empty");
        (_tokenizer, _most) = (tokenizer, limit.MaxTokens);
        _closing = tokenizer.Vocabulary.Find(_close) is >= 0 and int id ? [id] : tokenizer.EncodeContinuation(_close);
        _phase = limit.IsOpen ? Phase.Open : Phase.Before;
    }

    private enum Phase { Before, Open, Closed }

    /// <summary>The token that must come next, or -1. The section is not closed in the middle of a character.</summary>
    public int Forced => _phase == Phase.Open && _used >= _most && (_unfinished == 0 || _used > _most + 3) ? _closing[_forced] : None;

    /// <summary>Takes the next token.</summary>
    public void Append(int token)
    {
        if (_phase == Phase.Closed) return;
        if (token == Forced && ++_forced == _closing.Length)
        {
            _phase = Phase.Closed;
            return;
        }
        bool counts = _phase == Phase.Open;
        foreach (byte value in _tokenizer.DecodeToken(token, special: true)) Take(value);
        if (counts) _used++;
    }

    private void Take(byte value)
    {
        if (_phase == Phase.Closed) return;
        byte[] marker = _phase == Phase.Before ? _open : _close;
        if (_phase == Phase.Open) _unfinished = value >= 0xF0 ? 3 : value >= 0xE0 ? 2 : value >= 0xC0 ? 1 : value >= 0x80 ? Math.Max(_unfinished - 1, 0) : 0;
        if (value == marker[_matched]) _matched++;
        else if (_phase == Phase.Open) _matched = value == marker[0] ? 1 : 0;
        else if (_matched > 0 || value is not ((byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')) _phase = Phase.Closed; // the text begins with something else
        if (_matched < marker.Length || _phase == Phase.Closed) return;
        (_phase, _matched) = (_phase + 1, 0);
    }
}
