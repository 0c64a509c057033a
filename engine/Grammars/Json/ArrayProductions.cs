namespace Edge.Llm.Grammars.Json;

/// <summary>Arrays: items that have a schema each, then others.</summary>
internal sealed class ArrayProductions(
    JsonSyntax syntax, SchemaTable table, SchemaCheck check, ScalarPatterns scalars, Func<IEnumerable<SchemaRef>, int> value)
{
    private const int MostFirst = 10_000;

    private readonly Productions _productions = syntax.Productions;

    /// <summary>The arrays of a shape.</summary>
    public int Of(Shape shape, int id)
    {
        Count count = shape.Items;
        if (count.IsEmpty) return Productions.Nothing;
        if (shape.Excluded.Exists(other => other.ValueKind == System.Text.Json.JsonValueKind.Array))
            throw table.Error(id, "excluding an array is not supported");
        int open = syntax.Open('['), close = syntax.Close(']', afterOpen: false);
        int empty = count.Min > 0 ? Productions.Nothing : syntax.Close(']', afterOpen: true);
        if (count.Max == 0) return _productions.Sequence(open, empty);
        int first = shape.Arrays.Count == 0 ? 0 : shape.Arrays.Max(part => part.First.Length);
        if (first > MostFirst) throw table.Error(id, $"{first} items with a schema each: expected at most {MostFirst}");
        if (shape.UniqueItems && count.Max != 1)
            return _productions.Sequence(open, _productions.Either(empty, _productions.Sequence(Distinct(shape, count, first, id), close)));

        // Behind i items: nothing more where there are enough, or a comma and the next one.
        int last = first;
        int item = Item(shape, last);
        int min = Math.Max(count.Min - last, 0), max = count.Max < 0 ? -1 : Math.Max(count.Max - last, 0);
        int rest;
        if (last > 0)
        {
            int more = _productions.Sequence(syntax.Comma, item);
            rest = item == Productions.Nothing && min > 0 ? Productions.Nothing
                : _productions.Sequence(item == Productions.Nothing ? Productions.Empty : _productions.Repeat(more, min, max), close);
        }
        else
        {
            if (item == Productions.Nothing) return _productions.Sequence(open, empty);
            int more = _productions.Repeat(_productions.Sequence(syntax.Comma, item), Math.Max(min - 1, 0), max < 0 ? -1 : max - 1);
            return _productions.Sequence(open, _productions.Either(empty, _productions.Sequence(item, more, close)));
        }
        for (int i = last - 1; i >= 0; i--)
        {
            int next = count.Max >= 0 && i >= count.Max ? Productions.Nothing
                : _productions.Sequence(i == 0 ? Productions.Empty : syntax.Comma, Item(shape, i), rest);
            rest = i == 0 ? _productions.Either(next, empty) : _productions.Either(next, i >= count.Min ? close : Productions.Nothing);
        }
        return _productions.Sequence(open, rest);
    }

    private int Item(Shape shape, int index) => value(shape.Arrays.Select(part => part.At(index)).OfType<SchemaRef>());

    // Items that must differ are told apart by their texts, so each must have one text only.
    private int Distinct(Shape shape, Count count, int first, int id)
    {
        if (first > 0) throw table.Error(id, "uniqueItems beside items that have a schema each is not supported");
        if (count.Min > 1) throw table.Error(id, "uniqueItems beside minItems above 1 is not supported");
        SchemaRef[] schemas = [.. shape.Arrays.Select(part => part.Rest).OfType<SchemaRef>()];
        var ways = new List<int>();
        foreach (Shape item in check.ShapesOf(schemas))
        {
            if (item.Values is { } values)
            {
                if (values.Exists(one => one.ValueKind is System.Text.Json.JsonValueKind.Array or System.Text.Json.JsonValueKind.Object)) throw Unsupported(id);
                ways.Add(syntax.Patterns.Literals(values.Where(one => check.Accepts(one, item, listed: true)).Select(syntax.Scalar)));
            }
            else if ((item.Types & (JsonTypes.Array | JsonTypes.Object)) != 0) throw Unsupported(id);
            else ways.Add(scalars.Of(item, id, unique: true));
        }
        return _productions.Distinct(syntax.Patterns.Either([.. ways]), syntax.Comma, count.Max);
    }

    private EdgeLlmException Unsupported(int id) => table.Error(id, "uniqueItems of items that may be arrays or objects is not supported");
}
