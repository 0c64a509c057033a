using System.Globalization;
using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary><c>"{} {name:&gt;8} {0[key]!r}".format(...)</c>.</summary>
internal sealed class BraceFormat(Rendering rendering, Func<long, object?> positional, Func<string, object?> named)
{
    private const int MaxDepth = 3; // as Python: fields in the specification of a field, twice

    private long _next; // -1: fields are numbered

    public static TracedText Format(Rendering rendering, TracedText format, Arguments arguments) => new BraceFormat(
        rendering,
        index => index < arguments.Count
            ? arguments[(int)index]
            : throw rendering.Fail($"format: expected more than {index} arguments, found {arguments.Count}"),
        name => arguments.Named.TryGetValue(name, out object? value)
            ? value
            : throw rendering.Fail($"format: missing argument {name}")).Run(format, MaxDepth);

    public static TracedText FormatMap(Rendering rendering, TracedText format, Arguments arguments)
    {
        JinjaDict dict = arguments.Demand(0, "mapping") as JinjaDict ?? throw rendering.Fail("format_map: expected a dictionary");
        return new BraceFormat(
            rendering,
            _ => throw rendering.Fail("format_map: a field has no name"),
            name => dict.TryGet(name, out object? value) ? value : throw rendering.Fail($"format_map: no key '{name}'")).Run(format, MaxDepth);
    }

    private TracedText Run(TracedText format, int depth)
    {
        if (depth == 0) throw rendering.Fail("format: fields nest too deep");
        var builder = new TextBuilder(rendering);
        string text = format.Value;
        for (int at = 0; at < text.Length;)
        {
            int brace = text.AsSpan(at).IndexOfAny('{', '}');
            brace = brace < 0 ? text.Length : at + brace;
            builder.Append(format, at, brace - at);
            at = brace;
            if (at == text.Length) break;
            if (at + 1 < text.Length && text[at + 1] == text[at]) builder.Append(format, at, 1);
            else
            {
                if (text[at] == '}') throw rendering.Fail("format: a brace stands alone");
                int close = Close(text, at + 1);
                builder.Append(Field(format.Substring(at + 1, close - at - 1), depth));
                at = close - 1;
            }
            at += 2;
        }
        return builder.ToText();
    }

    private int Close(string text, int from)
    {
        int depth = 1;
        for (int at = from; at < text.Length; at++)
        {
            bool isInPath = depth == 1 && !text.AsSpan(from, at - from).ContainsAny(':', '!');
            if (isInPath && text[at] == '[' && text.IndexOf(']', at) is > 0 and int bracket) at = bracket;
            else if (text[at] == '{') depth++;
            else if (text[at] == '}' && --depth == 0) return at;
        }
        throw rendering.Fail("format: a brace stands alone");
    }

    private TracedText Field(TracedText field, int depth)
    {
        string text = field.Value;
        int end = 0;
        while (end < text.Length && text[end] is not (':' or '!'))
            end = text[end] == '[' && text.IndexOf(']', end) is > 0 and int bracket ? bracket + 1 : end + 1;
        string path = text[..end];
        if (path.Contains('{', StringComparison.Ordinal)) throw rendering.Fail("format: a brace in a field's name");
        char conversion = '\0';
        if (end < text.Length && text[end] == '!')
        {
            if (end + 1 >= text.Length || (end + 2 < text.Length && text[end + 2] != ':'))
                throw rendering.Fail("format: expected a letter and ':' after '!'");
            conversion = text[end + 1];
            end += 2;
        }
        object? value = Follow(path);
        TracedText specification = end < text.Length ? Run(field.Substring(end + 1, text.Length - end - 1), depth - 1) : TracedText.Empty;
        return Write(rendering, Converted(value, conversion), specification.Value);
    }

    /// <summary>A value as its specification says.</summary>
    public static TracedText Write(Rendering rendering, object? value, string specification)
    {
        if (specification.Length == 0) return PythonText.Str(rendering, value);
        FormatSpec Spec() => FormatSpec.Parse(rendering, specification);
        if (value is TracedText text) return Spec().Text(rendering, text);
        if (value is double number) return Spec().Float(rendering, number);
        if (Numbers.TryWhole(value, out BigInteger whole)) return Spec().Whole(rendering, whole);
        throw rendering.Fail($"format: {Operators.TypeName(value)} takes no specification");
    }

    private object? Converted(object? value, char conversion) => conversion switch
    {
        '\0' => value,
        's' => PythonText.Str(rendering, value),
        'r' => PythonText.Repr(rendering, value),
        'a' => PythonText.Ascii(rendering, value),
        _ => throw rendering.Fail($"format: unknown conversion '!{conversion}'"),
    };

    private object? Follow(string path)
    {
        int end = path.AsSpan().IndexOfAny('.', '[');
        string first = end < 0 ? path : path[..end];
        object? value = First(first);
        for (int at = first.Length; at < path.Length;)
        {
            if (path[at] == '.')
            {
                int stop = path.AsSpan(at + 1).IndexOfAny('.', '[');
                stop = stop < 0 ? path.Length : at + 1 + stop;
                value = Members.Attribute(rendering, value, NotEmpty(path[(at + 1)..stop]));
                at = stop;
                continue;
            }
            int close = path.IndexOf(']', at);
            if (path[at] != '[' || close < 0) throw rendering.Fail("format: expected '.' or '[' after ']'");
            string key = NotEmpty(path[(at + 1)..close]);
            value = Members.Item(rendering, value, Index(key) is { } index ? index : TracedText.Template(key));
            at = close + 1;
        }
        return value;
    }

    private object? First(string name)
    {
        bool isNumber = Index(name) is not null;
        if (name.Length > 0 && !isNumber) return named(name);
        if ((name.Length == 0 && _next < 0) || (isNumber && _next > 0)) throw rendering.Fail("format: some fields have numbers and some have none");
        if (name.Length == 0) return positional(_next++);
        _next = -1;
        return positional(Index(name)!.Value);
    }

    private string NotEmpty(string name) => name.Length > 0 ? name : throw rendering.Fail("format: an attribute has no name");

    private static long? Index(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long index) ? index : null;
}
