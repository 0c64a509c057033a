using System.Globalization;
using System.Text;

namespace Edge.Llm.Grammars;

/// <summary>Reads a regular expression in the notation of ECMAScript, as far as it is regular: no backreferences, no lookbehind, lookahead
/// outside of groups only.</summary>
internal sealed class RegexParser
{
    private static readonly CharSet s_digit = CharSet.Of(('0', '9'));
    private static readonly CharSet s_word = CharSet.Of(('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_'));

    private static readonly CharSet s_space = CharSet.Of(
        ('\t', '\r'), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
        (0xFEFF, 0xFEFF));

    private static readonly CharSet s_anyInLine = ~CharSet.Of(('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029));

    private readonly string _text;
    private readonly CharSet _dot;
    private readonly bool _eitherCase;
    private readonly RegexTree _tree = new();
    private int _at;

    private RegexParser(string text, CharSet dot, bool eitherCase) => (_text, _dot, _eitherCase) = (text, dot, eitherCase);

    /// <summary>Reads a regular expression.</summary>
    /// <param name="text">The expression.</param>
    /// <param name="wideDot">A dot is any character: where what matches is left out, since not all validators end a line in the same places.</param>
    /// <param name="eitherCase">A letter of A to Z stands for both of its cases.</param>
    /// <exception cref="EdgeLlmException">GrammarError, with the position.</exception>
    public static RegexTree Parse(string text, bool wideDot = false, bool eitherCase = false)
    {
        var parser = new RegexParser(text, wideDot ? CharSet.All : s_anyInLine, eitherCase);
        parser.ReadAlternatives();
        return parser._tree;
    }

    private enum Group { Plain, Ahead, NotAhead }

    private void ReadAlternatives()
    {
        var open = new Stack<(List<int> Alternatives, List<int> Parts, Group Group, int At)>();
        List<int> alternatives = [], sequence = [];
        while (_at < _text.Length)
        {
            int start = _at;
            switch (_text[_at])
            {
                case '(':
                    open.Push((alternatives, sequence, ReadGroup(), start));
                    (alternatives, sequence) = ([], []);
                    continue;
                case ')':
                    if (!open.TryPop(out var outer)) throw Error(start, "a group ends that has no beginning");
                    _at++;
                    alternatives.Add(_tree.Sequence(sequence));
                    int inside = _tree.Either(alternatives);
                    if (_tree.LooksAhead(inside)) throw Error(outer.At, "lookahead inside a group is not supported");
                    (alternatives, sequence, Group group, _) = outer;
                    sequence.Add(group == Group.Plain ? inside : _tree.Ahead(inside, group == Group.NotAhead));
                    if (group != Group.Plain) continue;
                    break;
                case '|':
                    _at++;
                    alternatives.Add(_tree.Sequence(sequence));
                    sequence = [];
                    continue;
                case '^':
                    _at++;
                    sequence.Add(_tree.Start());
                    continue;
                case '$':
                    _at++;
                    sequence.Add(_tree.End());
                    continue;
                case '*' or '+' or '?': throw Error(start, $"nothing to repeat before '{_text[start]}'");
                case '[': sequence.Add(_tree.Set(ReadClass())); break;
                case '.':
                    _at++;
                    sequence.Add(_tree.Set(_dot));
                    break;
                default: sequence.Add(_tree.Set(Fold(ReadAtom(inClass: false)))); break;
            }
            ReadQuantifier(sequence);
        }
        if (open.TryPeek(out var unclosed)) throw Error(unclosed.At, "the group has no end");
        alternatives.Add(_tree.Sequence(sequence));
        _tree.Root = _tree.Either(alternatives);
    }

    private Group ReadGroup()
    {
        int start = _at++;
        if (!Skip("?")) return Group.Plain;
        if (Skip(":")) return Group.Plain;
        if (Skip("=")) return Group.Ahead;
        if (Skip("!")) return Group.NotAhead;
        bool named = Skip("P<") || (_at + 1 < _text.Length && _text[_at + 1] is not ('=' or '!') && Skip("<"));
        int end = _text.IndexOf('>', _at);
        if (!named || end < 0) throw Error(start, "expected (?: (?= (?! or (?<name>: other groups are not supported");
        _at = end + 1;
        return Group.Plain;
    }

    private void ReadQuantifier(List<int> sequence)
    {
        if (_at >= _text.Length) return;
        int start = _at, min, max;
        switch (_text[_at])
        {
            case '*': (min, max) = (0, -1); break;
            case '+': (min, max) = (1, -1); break;
            case '?': (min, max) = (0, 1); break;
            case '{' when TryReadCount(out min, out max): _at--; break;
            default: return;
        }
        _at++;
        if (Skip("+")) throw Error(start, "possessive quantifiers are not supported");
        Skip("?"); // lazy: the same texts match
        if (max >= 0 && max < min) throw Error(start, $"a count of {min} to {max}: expected the smaller number first");
        if (!_tree.TryRepeat(sequence[^1], min, max, out int repeated)) throw Error(start, "repeated anchors are not supported");
        sequence[^1] = repeated;
    }

    // {m}, {m,} or {m,n}; anything else is text, as in browsers.
    private bool TryReadCount(out int min, out int max)
    {
        (min, max) = (0, 0);
        int end = _text.IndexOf('}', _at);
        if (end < 0) return false;
        string inside = _text[(_at + 1)..end];
        int comma = inside.IndexOf(',');
        string first = comma < 0 ? inside : inside[..comma], second = comma < 0 ? inside : inside[(comma + 1)..];
        if (first.Length == 0 || !first.All(char.IsAsciiDigit) || !second.All(char.IsAsciiDigit)) return false;
        min = ReadNumber(first);
        max = second.Length == 0 ? -1 : ReadNumber(second);
        _at = end + 1;
        return true;
    }

    private int ReadNumber(string digits) => int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
        : throw Error(_at, $"a count: expected at most {int.MaxValue}");

    private CharSet ReadClass()
    {
        int start = _at++;
        bool negated = Skip("^");
        CharSet set = CharSet.Of();
        while (true)
        {
            if (_at >= _text.Length) throw Error(start, "the character class has no end");
            if (Skip("]")) return negated ? ~Fold(set) : Fold(set);
            int at = _at;
            CharSet first = ReadAtom(inClass: true);
            if (_at + 1 < _text.Length && _text[_at] == '-' && _text[_at + 1] != ']' && IsOne(first))
            {
                int dash = _at++;
                CharSet last = ReadAtom(inClass: true);
                if (IsOne(last))
                {
                    (int from, int to) = (first.Ranges[0].First, last.Ranges[0].First);
                    if (to < from) throw Error(at, "a range of characters: expected the smaller one first");
                    set |= CharSet.Of((from, to));
                    continue;
                }
                _at = dash; // [a-\d]: three parts
            }
            set |= first;
        }
    }

    private static bool IsOne(CharSet set) => set.Ranges is [var range] && range.First == range.Last;

    private CharSet ReadAtom(bool inClass)
    {
        int start = _at;
        if (_text[_at] != '\\')
        {
            if (Rune.DecodeFromUtf16(_text.AsSpan(_at), out Rune rune, out int length) != System.Buffers.OperationStatus.Done)
                throw Error(start, "half a surrogate pair");
            _at += length;
            return One(rune.Value);
        }
        if (_at + 1 >= _text.Length) throw Error(start, "'\\' at the end");
        char escape = _text[_at + 1];
        _at += 2;
        switch (escape)
        {
            case 'd': return s_digit;
            case 'D': return ~s_digit;
            case 'w': return s_word;
            case 'W': return ~s_word;
            case 's': return s_space;
            case 'S': return ~s_space;
            case 't': return One('\t');
            case 'n': return One('\n');
            case 'r': return One('\r');
            case 'f': return One('\f');
            case 'v': return One('\v');
            case 'b' when inClass: return One('\b');
            case '0' when _at >= _text.Length || !char.IsAsciiDigit(_text[_at]): return One(0);
            case 'x': return One(ReadHex(start, 2));
            case 'u': return One(ReadUnicode(start));
            case 'c' when _at < _text.Length && char.IsAsciiLetter(_text[_at]): return One(_text[_at++] & 31);
        }
        if (char.IsAsciiLetterOrDigit(escape)) throw Error(start, $"\\{escape} is not supported");
        return One(escape);
    }

    private int ReadUnicode(int start)
    {
        if (Skip("{"))
        {
            int end = _text.IndexOf('}', _at);
            if (end < 0 || end - _at > 6) throw Error(start, "expected \\u{ one to six hexadecimal digits }");
            int value = ReadHex(start, end - _at);
            _at++;
            return Rune.IsValid(value) ? value : throw Error(start, $"U+{value:X4} is no character");
        }
        int unit = ReadHex(start, 4);
        if (char.IsHighSurrogate((char)unit) && Skip("\\u"))
        {
            int low = ReadHex(start, 4);
            if (char.IsLowSurrogate((char)low)) return char.ConvertToUtf32((char)unit, (char)low);
        }
        return Rune.IsValid(unit) ? unit : throw Error(start, "half a surrogate pair");
    }

    private int ReadHex(int start, int digits)
    {
        if (_at + digits > _text.Length
            || !uint.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value))
            throw Error(start, $"expected {digits} hexadecimal digits");
        _at += digits;
        return (int)value;
    }

    private CharSet Fold(CharSet set) => _eitherCase ? set.InEitherCase() : set;

    private static CharSet One(int character) => CharSet.Of((character, character));

    private bool Skip(string text)
    {
        bool there = _text.AsSpan(_at).StartsWith(text);
        if (there) _at += text.Length;
        return there;
    }

    private static EdgeLlmException Error(int at, string message) =>
        new(ErrorCode.GrammarError, $"regular expression, character {at + 1}: {message}");
}
