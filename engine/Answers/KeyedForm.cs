using System.Text;

namespace Edge.Llm.Answers;

/// <summary>A name and a value for each argument, between tags: <c>&lt;parameter=NAME>VALUE&lt;/parameter></c>.</summary>
/// <param name="Open">Before a name.</param>
/// <param name="Middle">Between name and value.</param>
/// <param name="Close">Behind a value; it has no second <c>&lt;</c>.</param>
/// <param name="End">Behind the last one.</param>
/// <param name="Lines">Whether a value stands on lines of its own.</param>
internal sealed record KeyedForm(string Open, string Middle, string Close, string End, bool Lines) : ArgumentForm
{
    private readonly Marker _open = new(Open), _middle = new(Middle), _end = new(End);

    public override ArgumentReader NewReader(Func<string, bool> isText) => new KeyedReader(this, isText);

    private sealed class KeyedReader(KeyedForm form, Func<string, bool> isText) : ArgumentReader
    {
        private const int LongestName = 256;

        private readonly StringBuilder _held = new(), _name = new(), _value = new();
        private Part _part;
        private int _open, _end, _middle; // places in the markers
        private bool _isText, _any;

        private enum Part { Between, Name, Middle, FirstOfValue, Value }

        public override Reading Accept(char c, StringBuilder json) => _part switch
        {
            Part.Between => AcceptBetween(c, json),
            Part.Name => AcceptName(c, json),
            Part.Middle => AcceptMiddle(c, json),
            _ => AcceptValue(c, json),
        };

        private Reading AcceptBetween(char c, StringBuilder json)
        {
            if (_open == 0 && _end == 0 && char.IsWhiteSpace(c)) return Reading.More;
            if (_open >= 0) _open = form._open.Advance(_open, c);
            if (_end >= 0) _end = form._end.Advance(_end, c);
            if (_end > 0 && form._end.IsEnd(_end))
            {
                json.Append(_any ? "}" : "{}");
                return Reading.Done;
            }
            if (_open > 0 && form._open.IsEnd(_open)) (_part, _open, _end) = (Part.Name, 0, 0);
            return _open < 0 && _end < 0 ? Reading.Wrong : Reading.More;
        }

        private Reading AcceptName(char c, StringBuilder json)
        {
            if (c == form.Middle[0])
            {
                (_part, _middle) = (Part.Middle, 0);
                return _name.Length == 0 ? Reading.Wrong : AcceptMiddle(c, json);
            }
            if (c is '<' or '>' or '\n' || _name.Length == LongestName) return Reading.Wrong;
            _name.Append(c);
            return Reading.More;
        }

        private Reading AcceptMiddle(char c, StringBuilder json)
        {
            _middle = form._middle.Advance(_middle, c);
            if (_middle < 0) return Reading.Wrong;
            if (!form._middle.IsEnd(_middle)) return Reading.More;
            string name = _name.ToString();
            _name.Clear();
            json.Append(_any ? ", \"" : "{\"");
            foreach (char letter in name) WriteEscaped(letter, json);
            json.Append("\": ");
            _isText = isText(name);
            if (_isText) json.Append('"');
            (_part, _any) = (form.Lines ? Part.FirstOfValue : Part.Value, true);
            return Reading.More;
        }

        private Reading AcceptValue(char c, StringBuilder json)
        {
            bool first = _part == Part.FirstOfValue;
            _part = Part.Value;
            if (first && c == '\n') return Reading.More;
            int matched = _held.Length > 0 && _held[0] == '\n' ? _held.Length - 1 : _held.Length;
            if (c == form.Close[matched])
            {
                _held.Append(c);
                if (matched + 1 == form.Close.Length) EndValue(json);
                return Reading.More;
            }
            foreach (ReadOnlyMemory<char> chunk in _held.GetChunks())
                foreach (char held in chunk.Span) Write(held, json);
            _held.Clear();
            if ((form.Lines && c == '\n') || c == form.Close[0]) _held.Append(c);
            else Write(c, json);
            return Reading.More;
        }

        private void Write(char c, StringBuilder json)
        {
            if (_isText) WriteEscaped(c, json);
            else _value.Append(c);
        }

        private void EndValue(StringBuilder json)
        {
            json.Append(_isText ? "\"" : LooseValue.ToJson(_value.ToString()));
            _held.Clear();
            _value.Clear();
            _part = Part.Between;
        }
    }
}
