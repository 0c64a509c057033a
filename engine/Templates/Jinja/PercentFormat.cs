using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary><c>"%s is %05.1f" % (name, x)</c>, and with a dictionary <c>"%(name)s"</c>.</summary>
internal sealed class PercentFormat
{
    private readonly Rendering _rendering;
    private readonly string _format;
    private readonly object? _given;
    private readonly List<object?> _values;
    private readonly TextBuilder _builder;
    private int _at;
    private int _next;

    private PercentFormat(Rendering rendering, TracedText format, object? given)
    {
        _rendering = rendering;
        _format = format.Value;
        _given = given;
        _values = given is JinjaList { IsTuple: true } tuple ? tuple.Items : [given];
        _builder = new TextBuilder(rendering);
    }

    public static TracedText Format(Rendering rendering, TracedText format, object? value)
    {
        var percent = new PercentFormat(rendering, format, value);
        percent.Run(format);
        return percent._builder.ToText();
    }

    private void Run(TracedText format)
    {
        while (_at < _format.Length)
        {
            int sign = _format.IndexOf('%', _at);
            if (sign < 0) sign = _format.Length;
            _builder.Append(format, _at, sign - _at);
            _at = sign + 1;
            if (sign < _format.Length) Field();
        }
        bool isMapping = _given is JinjaDict or Undefined or JinjaList { Kind: SequenceKind.List or SequenceKind.Range };
        if (_next < _values.Count && !isMapping) throw _rendering.Fail("%: not all values are in the format");
    }

    private void Field()
    {
        if (Peek() == '%')
        {
            _builder.Append("%");
            _at++;
            return;
        }
        object? named = null;
        bool isNamed = Peek() == '(';
        if (isNamed) named = Named();
        var spec = new FormatSpec();
        bool left = false, zeros = false;
        for (; "#0- +".Contains(Peek(), StringComparison.Ordinal); _at++)
        {
            left |= Peek() == '-';
            zeros |= Peek() == '0';
            if (Peek() == '#') spec = spec with { Alternate = true };
            if (Peek() == '+' || (Peek() == ' ' && spec.Sign == 0)) spec = spec with { Sign = Peek() };
        }
        long? width = Size();
        if (width < 0) (left, width) = (true, width == long.MinValue ? long.MaxValue : -width);
        int precision = -1;
        if (Peek() == '.')
        {
            _at++;
            precision = FormatSpec.CheckPrecision(_rendering, Math.Max(0, Size() ?? 0));
        }
        if (Peek() is 'h' or 'l' or 'L') _at++;
        char type = Peek();
        _at++;
        spec = spec with { Align = left ? '<' : '>', Width = width ?? 0, Precision = precision };
        _builder.Append(One(type, spec, zeros && !left, isNamed ? named : Next()));
    }

    private char Peek() => _at < _format.Length ? _format[_at] : '\0';

    private object? Named()
    {
        int start = ++_at;
        for (int depth = 1; depth > 0; _at++)
        {
            if (_at >= _format.Length) throw _rendering.Fail("%: a key has no end");
            depth += _format[_at] switch { '(' => 1, ')' => -1, _ => 0 };
        }
        if (_given is not JinjaDict dict) throw _rendering.Fail($"%: expected a dictionary, found {Operators.TypeName(_given)}");
        _next = _values.Count;
        string key = _format[start..(_at - 1)];
        return dict.TryGet(key, out object? value) ? value : throw _rendering.Fail($"%: the dictionary has no '{key}'");
    }

    private object? Next() => _next < _values.Count ? _values[_next++] : throw _rendering.Fail("%: not enough values for the format");

    /// <summary>A width or precision: digits, or a star for the next value.</summary>
    private long? Size()
    {
        if (Peek() != '*') return FormatSpec.Number(_rendering, _format, ref _at);
        _at++;
        return Next() is long size ? size : throw _rendering.Fail("%: * expects an integer");
    }

    private TracedText One(char type, FormatSpec spec, bool zeros, object? value)
    {
        switch (type)
        {
            case 's': return Text(spec, PythonText.Str(_rendering, value));
            case 'r': return Text(spec, PythonText.Repr(_rendering, value));
            case 'a': return Text(spec, PythonText.Ascii(_rendering, value));
            case 'c' when value is TracedText text && Sequences.Count(_rendering, text) == 1: return Text(spec with { Precision = -1 }, text);
            case 'c' when Numbers.TryWhole(value, out BigInteger code):
                return (spec with { Type = 'c', Precision = -1, Sign = '\0', Alternate = false }).Whole(_rendering, code);
            case 'd' or 'i' or 'u' when value is double number && double.IsFinite(number): return Whole('d', spec, zeros, new BigInteger(number));
            case 'd' or 'i' or 'u' when Numbers.TryWhole(value, out BigInteger whole): return Whole('d', spec, zeros, whole);
            case 'x' or 'X' or 'o' when Numbers.TryWhole(value, out BigInteger whole): return Whole(type, spec, zeros, whole);
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G' when Numbers.IsNumber(value):
                return Filled(spec with { Type = type }, zeros).Float(_rendering, Numbers.ToDouble(_rendering, value));
            case 'c' or 'd' or 'i' or 'u' or 'x' or 'X' or 'o' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                throw _rendering.Fail($"%{type}: expected a number, found {Operators.TypeName(value)}");
            default: throw _rendering.Fail(type == '\0' ? "%: the format ends too soon" : $"%{type} in a format");
        }
    }

    private TracedText Text(FormatSpec spec, TracedText text) => (spec with { Sign = '\0', Alternate = false }).Text(_rendering, text);

    /// <summary>Here, unlike in braces, a precision is the least number of digits.</summary>
    private TracedText Whole(char type, FormatSpec spec, bool zeros, BigInteger value)
    {
        if (spec.Precision < 0) return Filled(spec with { Type = type }, zeros).Whole(_rendering, value);
        FormatSpec digits = Filled(new FormatSpec { Type = type, Alternate = spec.Alternate, Sign = spec.Sign }, zeros: true);
        int before = (value.Sign < 0 || spec.Sign != 0 ? 1 : 0) + (spec.Alternate && type != 'd' ? 2 : 0);
        TracedText text = (digits with { Width = spec.Precision + before }).Whole(_rendering, value);
        if (!zeros || text.Length >= spec.Width) return spec.Pad(_rendering, text, spec.Align);
        return (digits with { Width = spec.Width }).Whole(_rendering, value);
    }

    private static FormatSpec Filled(FormatSpec spec, bool zeros) => zeros ? spec with { Fill = "0", Align = '=' } : spec;
}
