namespace Edge.Llm.Templates.Jinja;

/// <summary>Cuts a template at its tags. White space as chat templates expect it: the first newline after a block is dropped (trim_blocks),
/// spaces before a block that begins a line are dropped (lstrip_blocks), <c>-</c> strips all, <c>+</c> keeps all.</summary>
internal sealed class Lexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;
    private int _lineAt; // position up to which lines are counted
    private bool _stripNext; // the last tag ended with a minus

    private Lexer(string source) => _source = source;

    public static List<Token> Tokenize(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (source.EndsWith('\n')) source = source[..^1];
        var lexer = new Lexer(source);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        while (_at < _source.Length)
        {
            int tag = NextTag(_at);
            AddText(_at, tag < 0 ? _source.Length : tag, tag);
            if (tag < 0) break;
            _at = tag;
            switch (_source[tag + 1])
            {
                case '#': SkipComment(); break;
                case '{': Tag(TokenKind.OutputBegin, TokenKind.OutputEnd, "}}", trimNewline: false); break;
                default: if (!TryRaw()) Tag(TokenKind.BlockBegin, TokenKind.BlockEnd, "%}", trimNewline: true); break;
            }
        }
        Add(TokenKind.End, "", _source.Length);
    }

    private int NextTag(int from)
    {
        for (int i = from; (i = _source.IndexOf('{', i)) >= 0 && i + 1 < _source.Length; i++)
            if (_source[i + 1] is '{' or '%' or '#') return i;
        return -1;
    }

    private void AddText(int start, int end, int tag)
    {
        if (_stripNext)
            while (start < end && IsSpace(_source[start])) start++;
        _stripNext = false;
        if (tag >= 0)
        {
            char mark = tag + 2 < _source.Length ? _source[tag + 2] : '\0';
            if (mark == '-')
                while (end > start && IsSpace(_source[end - 1])) end--;
            else if (mark != '+' && _source[tag + 1] != '{') end = BeforeIndentation(start, end);
        }
        if (end > start) Add(TokenKind.Text, _source[start..end], start);
    }

    private int BeforeIndentation(int start, int end)
    {
        int at = end;
        while (at > start && _source[at - 1] != '\n' && IsSpace(_source[at - 1])) at--;
        return at == 0 || _source[at - 1] == '\n' ? at : end;
    }

    private void SkipComment()
    {
        int text = _at + 2;
        if (text < _source.Length && _source[text] is '-' or '+') text++;
        int close = _source.IndexOf("#}", text, StringComparison.Ordinal);
        if (close < 0) throw Fail(_at, "expected #} to end a comment");
        _at = close;
        EndTag(close > text ? _source[close - 1] : '\0', trimNewline: true);
    }

    /// <summary>After the two characters that close a tag at _at.</summary>
    private void EndTag(char mark, bool trimNewline)
    {
        _at += 2;
        if (mark == '-') _stripNext = true;
        else if (trimNewline && mark != '+' && _at < _source.Length && _source[_at] == '\n') _at++;
    }

    private void Tag(TokenKind begin, TokenKind end, string close, bool trimNewline)
    {
        Add(begin, _source.Substring(_at, 2), _at);
        _at += 2;
        if (_at < _source.Length && _source[_at] is '-' or '+') _at++;
        int depth = 0;
        while (true)
        {
            while (_at < _source.Length && IsSpace(_source[_at])) _at++;
            if (_at >= _source.Length) throw Fail(_at, $"expected {close}, found the end of the template");
            char mark = _source[_at];
            bool marked = (mark == '-' || (mark == '+' && end == TokenKind.BlockEnd)) && string.CompareOrdinal(_source, _at + 1, close, 0, 2) == 0;
            if (depth == 0 && (marked || string.CompareOrdinal(_source, _at, close, 0, 2) == 0))
            {
                if (marked) _at++;
                Add(end, close, _at);
                EndTag(marked ? mark : '\0', trimNewline);
                return;
            }
            int start = _at;
            Token token = ExpressionLexer.Next(_source, ref _at, LineAt(start));
            if (token.Kind == TokenKind.Operator)
            {
                if (token.Value is "(" or "[" or "{") depth++;
                else if (token.Value is ")" or "]" or "}") depth--;
            }
            _tokens.Add(token);
        }
    }

    /// <summary><c>{% raw %}</c>: what follows is text up to <c>{% endraw %}</c>.</summary>
    private bool TryRaw()
    {
        int at = _at + 2;
        if (!Word(ref at, "raw", out char mark) || mark == '+') return false;
        _at = at - 2;
        EndTag(mark, trimNewline: false); // the line break after it stays, unlike after other blocks
        int start = _at;
        for (int tag = start; (tag = _source.IndexOf("{%", tag, StringComparison.Ordinal)) >= 0; tag++)
        {
            int after = tag + 2;
            if (!Word(ref after, "endraw", out mark)) continue;
            AddText(start, tag, tag);
            _at = after - 2;
            EndTag(mark, trimNewline: true);
            return true;
        }
        throw Fail(start, "expected {% endraw %}");
    }

    /// <summary>A block of one word, from after its opening: moves past the closing.</summary>
    private bool Word(ref int at, string word, out char mark)
    {
        mark = '\0';
        int i = at;
        if (i < _source.Length && _source[i] is '-' or '+') i++;
        while (i < _source.Length && IsSpace(_source[i])) i++;
        if (string.CompareOrdinal(_source, i, word, 0, word.Length) != 0) return false;
        i += word.Length;
        while (i < _source.Length && IsSpace(_source[i])) i++;
        if (i < _source.Length && _source[i] is '-' or '+') mark = _source[i++];
        if (string.CompareOrdinal(_source, i, "%}", 0, 2) != 0) return false;
        at = i + 2;
        return true;
    }

    private void Add(TokenKind kind, string value, int position) => _tokens.Add(new Token(kind, value, LineAt(position)));

    private int LineAt(int position)
    {
        for (; _lineAt < position; _lineAt++)
            if (_source[_lineAt] == '\n') _line++;
        return _line;
    }

    private EdgeLlmException Fail(int position, string message) => Rendering.Error(ErrorCode.InvalidArgument, LineAt(position), message);

    private static bool IsSpace(char c) => CharacterClass.IsSpace(c);
}
