namespace Edge.Llm.Answers;

/// <summary>Follows a JSON object character by character to its end.</summary>
internal sealed class JsonObjectReader
{
    private const int Deepest = 256;

    private readonly Stack<char> _open = new();
    private Expect _expect = Expect.Object;
    private string _literal = "";
    private int _place; // in the literal, or hexadecimal digits of an escape that are left
    private Number _number;
    private bool _inKey;

    private enum Expect { Object, FirstKey, Key, Colon, FirstItem, Value, Next, Text, KeyText, Escape, Hex, Literal, Number, Done }

    private enum Number { Sign, Zero, Whole, Point, Fraction, E, ESign, Exponent }

    /// <summary>Whether the object is complete.</summary>
    public bool IsDone => _expect == Expect.Done;

    /// <summary>Whether a name may come next.</summary>
    public bool ExpectsName => _expect is Expect.FirstKey or Expect.Key;

    /// <summary>Whether a string is under way.</summary>
    public bool IsInText => _expect is Expect.Text or Expect.KeyText or Expect.Escape or Expect.Hex;

    /// <summary>Takes the next character; false if no JSON object goes on with it.</summary>
    public bool Accept(char c)
    {
        switch (_expect)
        {
            case Expect.Text or Expect.KeyText: return AcceptText(c);
            case Expect.Escape: return AcceptEscape(c);
            case Expect.Hex:
                if (!char.IsAsciiHexDigit(c)) return false;
                if (--_place == 0) _expect = _inKey ? Expect.KeyText : Expect.Text;
                return true;
            case Expect.Literal:
                if (c != _literal[_place]) return false;
                if (++_place == _literal.Length) _expect = Expect.Next;
                return true;
            case Expect.Number when AcceptDigit(c): return true;
            case Expect.Number:
                if (_number is not (Number.Zero or Number.Whole or Number.Fraction or Number.Exponent)) return false;
                _expect = Expect.Next;
                break;
        }
        return c is ' ' or '\t' or '\n' or '\r' ? _expect != Expect.Object && _expect != Expect.Done : AcceptStructure(c);
    }

    private bool AcceptStructure(char c)
    {
        switch (_expect)
        {
            case Expect.Object: return c == '{' && Open(c);
            case Expect.FirstKey when c == '}':
            case Expect.FirstItem when c == ']': return Close();
            case Expect.FirstKey or Expect.Key:
                (_expect, _inKey) = (Expect.KeyText, true);
                return c == '"';
            case Expect.Colon:
                _expect = Expect.Value;
                return c == ':';
            case Expect.Next when c == ',':
                _expect = _open.Peek() == '{' ? Expect.Key : Expect.Value;
                return true;
            case Expect.Next: return c == (_open.Peek() == '{' ? '}' : ']') && Close();
            case Expect.FirstItem or Expect.Value: return AcceptValue(c);
            default: return false;
        }
    }

    private bool AcceptValue(char c)
    {
        switch (c)
        {
            case '{' or '[': return Open(c);
            case '"':
                (_expect, _inKey) = (Expect.Text, false);
                return true;
            case 't' or 'f' or 'n':
                (_expect, _place, _literal) = (Expect.Literal, 1, c == 't' ? "true" : c == 'f' ? "false" : "null");
                return true;
            case '-' or (>= '0' and <= '9'):
                (_expect, _number) = (Expect.Number, c == '-' ? Number.Sign : c == '0' ? Number.Zero : Number.Whole);
                return true;
            default: return false;
        }
    }

    private bool AcceptText(char c)
    {
        if (c == '"') _expect = _inKey ? Expect.Colon : Expect.Next;
        else if (c == '\\') _expect = Expect.Escape;
        return c >= ' ';
    }

    private bool AcceptEscape(char c)
    {
        (_expect, _place) = c == 'u' ? (Expect.Hex, 4) : (_inKey ? Expect.KeyText : Expect.Text, 0);
        return "\"\\/bfnrtu".Contains(c, StringComparison.Ordinal);
    }

    private bool AcceptDigit(char c)
    {
        Number? next = (_number, c) switch
        {
            (Number.Sign, '0') => Number.Zero,
            (Number.Sign or Number.Whole, >= '0' and <= '9') => Number.Whole,
            (Number.Zero or Number.Whole, '.') => Number.Point,
            (Number.Point or Number.Fraction, >= '0' and <= '9') => Number.Fraction,
            (Number.Zero or Number.Whole or Number.Fraction, 'e' or 'E') => Number.E,
            (Number.E, '+' or '-') => Number.ESign,
            (Number.E or Number.ESign or Number.Exponent, >= '0' and <= '9') => Number.Exponent,
            _ => null,
        };
        if (next is null) return false;
        _number = next.Value;
        return true;
    }

    private bool Open(char bracket)
    {
        if (_open.Count == Deepest) return false;
        _open.Push(bracket);
        _expect = bracket == '{' ? Expect.FirstKey : Expect.FirstItem;
        return true;
    }

    private bool Close()
    {
        _open.Pop();
        _expect = _open.Count == 0 ? Expect.Done : Expect.Next;
        return true;
    }
}
