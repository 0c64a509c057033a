using System.Text;

namespace Edge.Llm.Cli.Terminal;

/// <summary>Turns the bytes that a terminal in raw mode sends into keys: UTF-8, control characters, the escape sequences of xterm, rxvt, the
/// Linux console and their kin, and bracketed paste. Sequences it does not know are swallowed whole.</summary>
internal sealed class KeyDecoder
{
    private const byte Escape = 0x1B, Delete = 0x7F;
    private const int MaxSequence = 32, MaxPaste = 8 << 20;

    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder _text = new();
    private readonly List<byte> _pending = []; // of a sequence or a paste
    private State _state;

    private enum State { Ground, Escape, Csi, Ss3, Paste }

    /// <summary>Whether an escape character has come and nothing after it: the Escape key, or the beginning of a sequence.</summary>
    public bool AtEscape => _state == State.Escape;

    /// <summary>Takes bytes and appends the keys that they complete.</summary>
    public void Feed(ReadOnlySpan<byte> bytes, List<Key> keys)
    {
        foreach (byte value in bytes) Step(value, keys);
        FlushText(keys);
    }

    /// <summary>No byte followed the escape character: it was the Escape key, which means nothing here.</summary>
    public void ForgetEscape()
    {
        if (AtEscape) _state = State.Ground;
    }

    private void Step(byte value, List<Key> keys)
    {
        switch (_state)
        {
            case State.Ground when value >= 0x20 && value != Delete:
                AppendText(value);
                break;
            case State.Ground:
                FlushText(keys);
                if (value == Escape) _state = State.Escape;
                else if (Control(value) is { } kind) keys.Add(new Key(kind));
                break;
            case State.Escape:
                AfterEscape(value, keys);
                break;
            case State.Ss3:
                _state = State.Ground;
                if (AfterSs3((char)value) is { } plain) keys.Add(new Key(plain));
                break;
            case State.Csi:
                InSequence(value, keys);
                break;
            case State.Paste:
                InPaste(value, keys);
                break;
        }
    }

    private static KeyKind? Control(byte value) => value switch
    {
        // A terminal sends \r for Enter; what was typed while the line discipline was on arrives with \n.
        (byte)'\r' or (byte)'\n' => KeyKind.Enter,
        (byte)'\t' => KeyKind.Tab,
        0x08 or Delete => KeyKind.Backspace,
        0x01 => KeyKind.Home, // Ctrl-A, and so on through the alphabet
        0x02 => KeyKind.Left,
        0x03 => KeyKind.Interrupt,
        0x04 => KeyKind.EndOfInput,
        0x05 => KeyKind.End,
        0x06 => KeyKind.Right,
        0x0B => KeyKind.KillToEnd,
        0x0C => KeyKind.ClearScreen,
        0x0E => KeyKind.Down,
        0x10 => KeyKind.Up,
        0x15 => KeyKind.KillToStart,
        0x17 => KeyKind.KillWordLeft,
        0x19 => KeyKind.Yank,
        _ => null,
    };

    private void AfterEscape(byte value, List<Key> keys)
    {
        _pending.Clear();
        _state = value switch { (byte)'[' => State.Csi, (byte)'O' => State.Ss3, Escape => State.Escape, _ => State.Ground };
        KeyKind? kind = value switch // with Alt
        {
            (byte)'\r' or (byte)'\n' => KeyKind.NewLine,
            (byte)'b' or (byte)'B' => KeyKind.WordLeft,
            (byte)'f' or (byte)'F' => KeyKind.WordRight,
            (byte)'d' or (byte)'D' => KeyKind.KillWordRight,
            0x08 or Delete => KeyKind.KillWordLeft,
            _ => null,
        };
        if (kind is { } known) keys.Add(new Key(known));
        else if (value >= 0x80) AppendText(value);
    }

    // CSI: parameters and intermediates (0x20 to 0x3F), then one final character.
    private void InSequence(byte value, List<Key> keys)
    {
        if (value == (byte)'[' && _pending.Count == 0)
        {
            _state = State.Ss3; // the Linux console's function keys: ESC [ [ A
            return;
        }
        if (value is >= 0x20 and <= 0x3F)
        {
            if (_pending.Count < MaxSequence) _pending.Add(value);
            return;
        }
        _state = value == Escape ? State.Escape : State.Ground;
        if (value is < 0x40 or > 0x7E) return;
        string[] parameters = Encoding.ASCII.GetString([.. _pending]).Split(';');
        int first = Number(parameters[0]), modifiers = parameters.Length > 1 ? Number(parameters[1]) : 0;
        _pending.Clear();
        if (value == (byte)'~' && first == 200) _state = State.Paste;
        else if (Final((char)value, first, modifiers) is { } kind) keys.Add(new Key(kind));
    }

    // Keys in application mode.
    private static KeyKind? AfterSs3(char final) => final switch
    {
        'c' => KeyKind.WordRight, // rxvt's Ctrl-Right
        'd' => KeyKind.WordLeft,
        'M' => KeyKind.Enter, // the keypad's
        _ => Final(final, 0, 0),
    };

    // Modifiers are 1 + (1 Shift, 2 Alt, 4 Ctrl).
    private static KeyKind? Final(char final, int first, int modifiers)
    {
        bool word = modifiers > 0 && ((modifiers - 1) & 6) != 0;
        return final switch
        {
            'A' => KeyKind.Up,
            'B' => KeyKind.Down,
            'C' => word ? KeyKind.WordRight : KeyKind.Right,
            'D' => word ? KeyKind.WordLeft : KeyKind.Left,
            'H' => KeyKind.Home,
            'F' => KeyKind.End,
            'u' when first == 13 => modifiers > 1 ? KeyKind.NewLine : KeyKind.Enter,
            '~' => first switch
            {
                1 or 7 => KeyKind.Home,
                4 or 8 => KeyKind.End,
                3 => word ? KeyKind.KillWordRight : KeyKind.Delete,
                _ => null,
            },
            _ => null,
        };
    }

    private static int Number(string digits) => int.TryParse(digits, System.Globalization.CultureInfo.InvariantCulture, out int value) ? value : 0;

    private void InPaste(byte value, List<Key> keys)
    {
        ReadOnlySpan<byte> end = "\e[201~"u8;
        _pending.Add(value);
        if (value != (byte)'~' || !System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_pending).EndsWith(end))
        {
            // What is too much is dropped, but for the bytes that may be the beginning of the end.
            if (_pending.Count > MaxPaste + end.Length) _pending.RemoveAt(MaxPaste);
            return;
        }
        string text = Encoding.UTF8.GetString([.. _pending[..^end.Length]]);
        _pending.Clear();
        _state = State.Ground;
        text = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        text = string.Concat(text.Where(c => c is '\n' or '\t' || !char.IsControl(c)));
        if (text.Length > 0) keys.Add(new Key(KeyKind.Text, text));
    }

    private void AppendText(byte value)
    {
        Span<char> chars = stackalloc char[4];
        int count = _utf8.GetChars([value], chars, flush: false);
        foreach (char c in chars[..count])
            if (!char.IsControl(c)) // C1: as good as escape sequences to some terminals
                _text.Append(c);
    }

    private void FlushText(List<Key> keys)
    {
        if (_text.Length == 0) return;
        keys.Add(new Key(KeyKind.Text, _text.ToString()));
        _text.Clear();
    }
}
