namespace Edge.Llm.Templates.Jinja;

/// <summary>The <c>loop</c> of a for block.</summary>
/// <param name="items">What the loop goes over.</param>
/// <param name="depth">From 0; only a recursive loop has more.</param>
/// <param name="recurse">Renders the loop's body for other items; null if the loop is not recursive.</param>
internal sealed class LoopState(List<object?> items, int depth, Func<object?, TracedText>? recurse)
{
    private JinjaList? _changed;

    public int Index { get; set; }

    public List<object?> Items { get; } = items;

    public override string ToString() => $"<LoopContext {Index + 1}/{Items.Count}>";

    public TracedText Call(Rendering rendering, Arguments arguments) => recurse is not null
        ? recurse(arguments.Demand(0, "iterable"))
        : throw rendering.Fail("loop(...): the loop is not marked as recursive");

    public object? Get(string name) => name switch
    {
        "index" => Index + 1L,
        "index0" => (long)Index,
        "revindex" => (long)(Items.Count - Index),
        "revindex0" => Items.Count - Index - 1L,
        "first" => Index == 0,
        "last" => Index == Items.Count - 1,
        "length" => (long)Items.Count,
        "depth" => depth + 1L,
        "depth0" => (long)depth,
        "previtem" => Index > 0 ? Items[Index - 1] : new Undefined("loop.previtem"),
        "nextitem" => Index + 1 < Items.Count ? Items[Index + 1] : new Undefined("loop.nextitem"),
        "cycle" => new JinjaFunction("loop.cycle", (rendering, arguments) =>
            arguments.Count > 0 ? arguments[Index % arguments.Count] : throw rendering.Fail("loop.cycle: expected values")),
        "changed" => new JinjaFunction("loop.changed", (rendering, arguments) =>
        {
            var now = new JinjaList([.. arguments.Positional], SequenceKind.Tuple);
            bool changed = _changed is null || !Operators.AreEqual(rendering, _changed, now);
            _changed = now;
            return changed;
        }),
        _ => new Undefined("loop." + name),
    };
}
