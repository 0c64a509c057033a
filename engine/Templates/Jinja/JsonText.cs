using System.Globalization;
using System.Numerics;
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
        object? indent = arguments.Get(1, "indent");
        _indent = indent switch
        {
            null => null,
            TracedText text => text.Value,
            _ => Padding.Spaces(rendering, arguments.Integer(1, "indent")).Value,
        };
        _ascii = arguments.Flag(0, "ensure_ascii");
        _sortKeys = arguments.Flag(3, "sort_keys");
        _itemSeparator = TracedText.Template(_indent is null ? ", " : ",");
        _keySeparator = TracedText.Template(": ");
        if (arguments.Get(2, "separators") is not { } separators) return;
        if (Sequences.ToList(rendering, separators) is not [TracedText item, TracedText key])
            throw rendering.Fail("tojson: separators: expected two strings");
        (_itemSeparator, _keySeparator) = (item, key);
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
            case null: _builder.Append("null"); break;
            case bool flag: _builder.Append(flag ? "true" : "false"); break;
            case long or BigInteger: _builder.Append(PythonText.Repr(_rendering, value)); break;
            case double number: _builder.Append(Float(number)); break;
            case TracedText text: _builder.Append(Quote(text.Value), text.AnyFromUser); break;
            case JinjaList { Kind: <= SequenceKind.Tuple } list: AppendList(list.Items, depth); break;
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

    private void AppendDict(OrderedDictionary<DictKey, object?> entries, int depth)
    {
        _builder.Append("{");
        IEnumerable<KeyValuePair<DictKey, object?>> ordered = entries;
        if (_sortKeys) ordered = ListFilters.Ordered(_rendering, entries, entry => entry.Key.Value, reverse: false);
        bool first = true;
        foreach ((DictKey key, object? value) in ordered)
        {
            if (!first) _builder.Append(_itemSeparator);
            first = false;
            NewLine(depth + 1);
            Append(Key(key.Value), depth + 1);
            _builder.Append(_keySeparator);
            Append(value, depth + 1);
        }
        if (entries.Count > 0) NewLine(depth);
        _builder.Append("}");
    }

    private TracedText Key(object? key) => key switch
    {
        TracedText text => text,
        null => TracedText.Template("null"),
        bool flag => TracedText.Template(flag ? "true" : "false"),
        double number => TracedText.Template(Float(number)),
        long or BigInteger => PythonText.Repr(_rendering, key),
        _ => throw _rendering.Fail($"tojson: expected a string, a number or None as a key, found {Operators.TypeName(key)}"),
    };

    private static string Float(double number) =>
        double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity" : "-Infinity" : PythonText.Float(number);

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
