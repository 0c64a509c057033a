using System.Text;

namespace Edge.Llm.Answers;

/// <summary>An object whose names have no quotes and whose texts have quotes of the style's own: <c>{city:&lt;|"|>Bern&lt;|"|>,days:3}</c>.</summary>
/// <param name="Quote">Around texts; only its first character is <c>&lt;</c>.</param>
internal sealed record BareForm(string Quote) : ArgumentForm
{
    public override ArgumentReader NewReader(Func<string, bool> isText) => new BareReader(Quote);

    private sealed class BareReader(string quote) : ArgumentReader
    {
        private readonly JsonObjectReader _object = new();
        private int _matched; // of the quote
        private bool _inText, _inName;

        public override Reading Accept(char c, StringBuilder json)
        {
            if (c == quote[_matched] && (_inText || !_object.IsInText))
            {
                if (++_matched < quote.Length) return Reading.More;
                _matched = 0;
                _inText = !_inText;
                return Pass('"', json);
            }
            if (_matched > 0)
            {
                if (!_inText) return Reading.Wrong;
                foreach (char held in quote.AsSpan(0, _matched)) WriteEscaped(held, json);
                _matched = 0;
                return Accept(c, json);
            }
            if (_inText)
            {
                WriteEscaped(c, json);
                return Reading.More;
            }
            if (_inName && (c == ':' || char.IsWhiteSpace(c)))
            {
                _inName = false;
                if (Pass('"', json) == Reading.Wrong) return Reading.Wrong;
            }
            else if (!_inName && _object.ExpectsName && c is not ('"' or '}') && !char.IsWhiteSpace(c))
            {
                _inName = true;
                if (Pass('"', json) == Reading.Wrong) return Reading.Wrong;
            }
            return Pass(c, json);
        }

        private Reading Pass(char c, StringBuilder json)
        {
            if (!_object.Accept(c)) return Reading.Wrong;
            json.Append(c);
            return _object.IsDone ? Reading.Done : Reading.More;
        }
    }
}
