using System.Globalization;
using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>The tojson filter as chat templates expect it: Python's json.dumps without escaping of other than ASCII characters.</summary>
internal sealed class JsonText
{
    private readonly Rendering _rendering;
    private readonly TextBuilder _builder;
    private readonly string? _indent;
    private readonly TracedText _itemSeparator;
    private readonly TracedText _keySeparator;
    private readonly bool _ascii;
    private readonly bool _sortKeys;

    private JsonText(Rendering rendering, Arguments arguments)
    {
        _rendering = rendering;
        _builder = new TextBuilder(rendering);
        object? indent = arguments.Get(0, "indent");
        _indent = indent switch
        {
            null => null,
            TracedText text => text.Value,
            _ => new string(' ', (int)Math.Clamp(arguments.Integer(0, "indent", 0), 0, 64)),
        };
        _ascii = arguments.Flag(1, "ensure_ascii");
        _sortKeys = arguments.Flag(3, "sort_keys");
        _itemSeparator = TracedText.Template(_indent is null ? ", " : ",");
        _keySeparator = TracedText.Template(": ");
        if (arguments.Get(2, "separators") is JinjaList { Items: [TracedText item, TracedText key] }) (_itemSeparator, _keySeparator) = (item, key);
    }

    public static TracedText Write(Rendering rendering, object? value, Arguments arguments)
    {
        var json = new JsonText(rendering, arguments);
        json.Append(value, 0);
        return json._builder.ToText();
    }

    private void Append(object? value, int depth)
    {
        _rendering.Enter();
        switch (value)
        {
            case null or Undefined: _builder.Append("null"); break;
            case bool flag: _builder.Append(flag ? "true" : "false"); break;
            case long integer: _builder.Append(integer.ToString(CultureInfo.InvariantCulture)); break;
            case double number:
                _builder.Append(double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity" : PythonText.Float(number));
                break;
            case TracedText text: _builder.Append(Quote(text.Value), text.AnyFromUser); break;
            case JinjaList list: AppendList(list.Items, depth); break;
            case JinjaDict dict: AppendDict(dict.Items, depth); break;
            default: throw _rendering.Fail($"tojson: cannot write {Operators.TypeName(value)}");
        }
        _rendering.Leave();
    }

    private void AppendList(List<object?> items, int depth)
    {
        _builder.Append("[");
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) _builder.Append(_itemSeparator);
            NewLine(depth + 1);
            Append(items[i], depth + 1);
        }
        if (items.Count > 0) NewLine(depth);
        _builder.Append("]");
    }

    private void AppendDict(OrderedDictionary<object, object?> entries, int depth)
    {
        _builder.Append("{");
        IEnumerable<KeyValuePair<object, object?>> ordered =
            _sortKeys ? entries.OrderBy(entry => entry.Key.ToString(), StringComparer.Ordinal) : entries;
        bool first = true;
        foreach ((object key, object? value) in ordered)
        {
            if (!first) _builder.Append(_itemSeparator);
            first = false;
            NewLine(depth + 1);
            if (key is TracedText) Append(key, depth + 1);
            else _builder.Append(Quote(key is bool flag ? flag ? "true" : "false" : PythonText.Str(_rendering, key).Value));
            _builder.Append(_keySeparator);
            Append(value, depth + 1);
        }
        if (entries.Count > 0) NewLine(depth);
        _builder.Append("}");
    }

    private void NewLine(int depth)
    {
        if (_indent is null) return;
        _builder.Append("\n");
        for (int i = 0; i < depth; i++) _builder.Append(_indent);
    }

    private string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length + 2);
        quoted.Append('"');
        foreach (char c in text)
        {
            switch (c)
            {
                case '"' or '\\': quoted.Append('\\').Append(c); break;
                case '\n': quoted.Append("\\n"); break;
                case '\r': quoted.Append("\\r"); break;
                case '\t': quoted.Append("\\t"); break;
                case '\f': quoted.Append("\\f"); break;
                case '\b': quoted.Append("\\b"); break;
                case < ' ': quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"); break;
                case >= '\x7F' when _ascii: quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"); break;
                default: quoted.Append(c); break;
            }
        }
        return quoted.Append('"').ToString();
    }
}
