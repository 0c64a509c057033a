namespace Edge.Llm.Templates.Jinja;

/// <summary>The attribute that many filters take: a path like <c>function.name</c> or <c>0</c>.</summary>
internal static class AttributePath
{
    /// <summary>Reads the member that an argument names; without one, the item itself. What is missing on the way becomes the default, if there
    /// is one.</summary>
    public static Func<object?, object?> Of(Rendering rendering, Arguments arguments, int position, object? byDefault = null) =>
        Reader(rendering, arguments.Get(position, "attribute"), byDefault);

    /// <summary>Reads several members, with commas between their paths, as a list.</summary>
    public static Func<object?, object?> Several(Rendering rendering, Arguments arguments, int position, bool caseSensitive)
    {
        object? attribute = arguments.Get(position, "attribute");
        Func<object?, object?>[] readers = attribute is TracedText paths
            ? [.. paths.Value.Split(',').Select(path => Reader(rendering, TracedText.Template(path), null))]
            : [Reader(rendering, attribute, null)];
        return item => new JinjaList([.. readers.Select(read => Folded(rendering, read(item), caseSensitive))]);
    }

    /// <summary>A string in lower case, unless case matters.</summary>
    public static object? Folded(Rendering rendering, object? value, bool caseSensitive) =>
        value is TracedText text && !caseSensitive ? StringMethods.Map(rendering, text, CaseMapping.Lower) : value;

    private static Func<object?, object?> Reader(Rendering rendering, object? attribute, object? byDefault)
    {
        List<object> parts = attribute switch
        {
            null => [],
            long index => [index],
            TracedText path => [.. path.Value.Split('.').Select(Part)],
            { } other => throw rendering.Fail($"attribute: expected a string or an integer, found {Operators.TypeName(other)}"),
        };
        return item =>
        {
            rendering.Step(parts.Count);
            foreach (object part in parts)
            {
                item = Members.Item(rendering, item, part);
                if (item is Undefined && byDefault is not null) item = byDefault;
            }
            return item;
        };
    }

    private static object Part(string part) => part.Length is > 0 and < 19 && part.All(char.IsAsciiDigit)
        ? long.Parse(part, System.Globalization.CultureInfo.InvariantCulture)
        : TracedText.Template(part);
}
