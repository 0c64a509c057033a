using System.Globalization;
using System.Text;

namespace Edge.Llm.Grammars;

/// <summary>Reads GBNF, llama.cpp's notation of grammars. Groups are kept on a list, so that nesting costs no stack.</summary>
internal sealed class GbnfParser
{
    private readonly string _text;
    private readonly GbnfTree _tree;
    private readonly Tokenizer _tokenizer;
    private int _at;

    private GbnfParser(string text, Tokenizer tokenizer, Productions productions)
    {
        (_text, _tokenizer) = (text, tokenizer);
        _tree = new GbnfTree(productions);
    }

    /// <summary>The production of the root rule.</summary>
    /// <exception cref="EdgeLlmException">GrammarError, with line and column.</exception>
    public static int Parse(string text, string root, Tokenizer tokenizer, Productions productions)
    {
        var parser = new GbnfParser(text, tokenizer, productions);
        parser.SkipSpace(newLines: true);
        while (parser._at < text.Length) parser.ReadRule();
        if (!parser._tree.IsDefined(root)) throw new EdgeLlmException(ErrorCode.GrammarError, $"the grammar has no rule \"{root}\"");
        foreach ((string name, int at) in parser._tree.Undefined()) throw parser.Error(at, $"rule \"{name}\" is not defined");
        return parser._tree.Lower(root);
    }

    private void ReadRule()
    {
        int start = _at;
        string name = ReadName();
        SkipSpace(newLines: false);
        if (!_text.AsSpan(_at).StartsWith("::=")) throw Error(_at, "expected ::= after the name of a rule");
        _at += 3;
        SkipSpace(newLines: true);
        if (!_tree.Begin(name)) throw Error(start, $"rule \"{name}\" is defined twice");
        _tree.End(ReadAlternatives());
        if (_at < _text.Length && _text[_at] is not ('\r' or '\n')) throw Error(_at, $"expected the end of the rule, found '{_text[_at]}'");
        SkipSpace(newLines: true);
    }

    private int ReadAlternatives()
    {
        var open = new Stack<(List<int> Alternatives, List<int> Parts, int At)>();
        List<int> alternatives = [], sequence = [];
        while (true)
        {
            char next = _at < _text.Length ? _text[_at] : '\n';
            int start = _at;
            switch (next)
            {
                case '"': sequence.Add(_tree.Pattern(ReadLiteral())); break;
                case '[': sequence.Add(_tree.Pattern(ReadClass().ToPattern(_tree.Patterns))); break;
                case '.':
                    _at++;
                    sequence.Add(_tree.Pattern(CharSet.All.ToPattern(_tree.Patterns)));
                    break;
                case '<' or '!': sequence.Add(_tree.Tokens(ReadToken())); break;
                case '(':
                    _at++;
                    open.Push((alternatives, sequence, start));
                    (alternatives, sequence) = ([], []);
                    break;
                case '|':
                    _at++;
                    alternatives.Add(_tree.Sequence(sequence));
                    sequence = [];
                    SkipSpace(newLines: true);
                    break;
                case ')' when open.TryPop(out var outer):
                    _at++;
                    alternatives.Add(_tree.Sequence(sequence));
                    int group = _tree.Either(alternatives);
                    (alternatives, sequence, _) = outer;
                    sequence.Add(group);
                    break;
                case '*' or '+' or '?' or '{':
                    (int min, int max) = ReadCount();
                    if (sequence.Count == 0) throw Error(start, $"expected something to repeat before '{next}'");
                    sequence[^1] = _tree.Repeat(sequence[^1], min, max);
                    break;
                default:
                    if (IsOfName(next))
                    {
                        sequence.Add(_tree.Call(ReadName(), start));
                        break;
                    }
                    if (open.TryPeek(out var unclosed)) throw Error(unclosed.At, "the group has no end");
                    alternatives.Add(_tree.Sequence(sequence));
                    return _tree.Either(alternatives);
            }
            SkipSpace(newLines: open.Count > 0);
        }
    }

    private (int Min, int Max) ReadCount()
    {
        int start = _at;
        switch (_text[_at++])
        {
            case '*': return (0, -1);
            case '+': return (1, -1);
            case '?': return (0, 1);
        }
        SkipSpace(newLines: true);
        int min = ReadNumber(), max = min;
        SkipSpace(newLines: true);
        if (Skip(','))
        {
            SkipSpace(newLines: true);
            max = _at < _text.Length && char.IsAsciiDigit(_text[_at]) ? ReadNumber() : -1;
            SkipSpace(newLines: true);
        }
        if (!Skip('}')) throw Error(_at, "expected '}' after a count");
        if (max >= 0 && max < min) throw Error(start, $"a count of {min} to {max}: expected the smaller number first");
        return (min, max);
    }

    private int ReadNumber()
    {
        int start = _at;
        while (_at < _text.Length && char.IsAsciiDigit(_text[_at])) _at++;
        if (start == _at) throw Error(start, "expected a number");
        return int.TryParse(_text.AsSpan(start.._at), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
            : throw Error(start, $"expected at most {int.MaxValue}");
    }

    private int ReadLiteral()
    {
        int start = _at++;
        var bytes = new List<byte>();
        Span<byte> utf8 = stackalloc byte[4];
        while (!Skip('"'))
        {
            if (_at >= _text.Length) throw Error(start, "the literal has no end");
            bytes.AddRange(utf8[..ReadCharacter().EncodeToUtf8(utf8)]);
        }
        return _tree.Patterns.Text([.. bytes]);
    }

    private CharSet ReadClass()
    {
        int start = _at++;
        bool negated = Skip('^');
        var ranges = new List<(int, int)>();
        while (!Skip(']'))
        {
            if (_at >= _text.Length) throw Error(start, "the character class has no end");
            int at = _at, first = ReadCharacter().Value, last = first;
            if (_at + 1 < _text.Length && _text[_at] == '-' && _text[_at + 1] != ']')
            {
                _at++;
                last = ReadCharacter().Value;
                if (last < first) throw Error(at, "a range of characters: expected the smaller one first");
            }
            ranges.Add((first, last));
        }
        CharSet set = CharSet.Of(ranges);
        return negated ? ~set : set;
    }

    private Rune ReadCharacter()
    {
        int start = _at;
        if (_text[_at] != '\\')
        {
            if (Rune.DecodeFromUtf16(_text.AsSpan(_at), out Rune rune, out int length) != System.Buffers.OperationStatus.Done)
                throw Error(start, "half a surrogate pair");
            _at += length;
            return rune;
        }
        _at += 2;
        char escape = _at <= _text.Length ? _text[_at - 1] : ' ';
        int digits = escape switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits == 0)
            return escape switch
            {
                't' => new Rune('\t'),
                'r' => new Rune('\r'),
                'n' => new Rune('\n'),
                '\\' or '"' or '[' or ']' or '-' or '^' => new Rune(escape),
                _ => throw Error(start, "expected one of \\t \\r \\n \\\\ \\\" \\[ \\] \\- \\^ \\x \\u \\U"),
            };
        if (_at + digits > _text.Length
            || !uint.TryParse(_text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value))
            throw Error(start, $"expected {digits} hexadecimal digits");
        if (!Rune.IsValid(value)) throw Error(start, $"U+{value:X4} is no character");
        _at += digits;
        return new Rune(value);
    }

    // <text>, <[id]>, or all but one of them: !<...>
    private TokenSet ReadToken()
    {
        int start = _at;
        bool excluded = Skip('!');
        if (!Skip('<')) throw Error(_at, "expected '<' after '!'");
        int length = _text.AsSpan(_at).IndexOfAny('>', '\n');
        if (length <= 0 || _text[_at + length] != '>') throw Error(start, "expected a token: <text> or <[id]>");
        ReadOnlySpan<char> inside = _text.AsSpan(_at, length);
        _at += length + 1;
        int count = _tokenizer.Vocabulary.Count;
        if (inside is ['[', .. var number, ']'])
        {
            if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id >= count)
                throw Error(start, $"token {inside}: expected an id from 0 to {count - 1}");
            return new TokenSet([id], excluded);
        }
        int[] ids = _tokenizer.Encode($"<{inside}>", addSpecial: false, parseSpecial: true);
        return ids.Length == 1 ? new TokenSet(ids, excluded) : throw Error(start, $"<{inside}>: expected one token of the vocabulary, found {ids.Length}");
    }

    private string ReadName()
    {
        int start = _at;
        while (_at < _text.Length && IsOfName(_text[_at])) _at++;
        return start == _at ? throw Error(start, "expected the name of a rule: letters, digits, '-' and '_'") : _text[start.._at];
    }

    private static bool IsOfName(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '_';

    private bool Skip(char c)
    {
        bool there = _at < _text.Length && _text[_at] == c;
        if (there) _at++;
        return there;
    }

    private void SkipSpace(bool newLines)
    {
        for (; _at < _text.Length; _at++)
            if (_text[_at] == '#')
            {
                int length = _text.AsSpan(_at).IndexOfAny('\r', '\n');
                _at = length < 0 ? _text.Length - 1 : _at + length - 1;
            }
            else if (!(_text[_at] is ' ' or '\t' || (newLines && _text[_at] is '\r' or '\n'))) break;
    }

    private EdgeLlmException Error(int at, string message)
    {
        ReadOnlySpan<char> before = _text.AsSpan(0, Math.Min(at, _text.Length));
        int line = before.Count('\n') + 1, column = before.Length - before.LastIndexOf('\n');
        return new EdgeLlmException(ErrorCode.GrammarError, $"line {line}, column {column}: {message}");
    }
}
