namespace Edge.Llm.Templates.Jinja;

/// <summary>What may follow <c>is</c>.</summary>
internal static class Tests
{
    private static readonly Dictionary<string, Func<Rendering, object?, Arguments, bool>> s_table = new()
    {
        ["defined"] = (_, value, _) => value is not Undefined,
        ["undefined"] = (_, value, _) => value is Undefined,
        ["none"] = (_, value, _) => value is null,
        ["boolean"] = (_, value, _) => value is bool,
        ["true"] = (_, value, _) => value is true,
        ["false"] = (_, value, _) => value is false,
        ["integer"] = (_, value, _) => value is long,
        ["float"] = (_, value, _) => value is double,
        ["number"] = (_, value, _) => value is long or double or bool,
        ["string"] = (_, value, _) => value is TracedText,
        ["mapping"] = (_, value, _) => value is JinjaDict,
        ["sequence"] = (_, value, _) => value is TracedText or JinjaList or JinjaDict or Undefined,
        ["iterable"] = (_, value, _) => value is TracedText or JinjaList or JinjaDict or Undefined,
        ["callable"] = (_, value, _) => value is JinjaFunction,
        ["odd"] = (r, value, _) => !Divides(r, value, 2),
        ["even"] = (r, value, _) => Divides(r, value, 2),
        ["divisibleby"] = (r, value, a) => Divides(r, value, a.Integer(0, "num", 0)),
        ["lower"] = (r, value, _) => PythonText.Str(r, value).Value is var text && text.Any(char.IsLower) && !text.Any(char.IsUpper),
        ["upper"] = (r, value, _) => PythonText.Str(r, value).Value is var text && text.Any(char.IsUpper) && !text.Any(char.IsLower),
        ["in"] = (r, value, a) => Operators.Contains(r, a.Demand(0, "seq"), value),
        ["sameas"] = (_, value, a) => a.Demand(0, "other") is var other && (ReferenceEquals(value, other) || (value is bool && Equals(value, other))),
        ["filter"] = (_, value, _) => value is TracedText name && Filters.Exists(name.Value),
        ["test"] = (_, value, _) => value is TracedText name && Exists(name.Value),
        ["escaped"] = (_, _, _) => false,
    };

    private static readonly Dictionary<string, Func<Rendering, object?, object?, bool>> s_comparisons = new()
    {
        ["equalto"] = Operators.AreEqual,
        ["eq"] = Operators.AreEqual,
        ["=="] = Operators.AreEqual,
        ["ne"] = (r, a, b) => !Operators.AreEqual(r, a, b),
        ["!="] = (r, a, b) => !Operators.AreEqual(r, a, b),
        ["lt"] = (r, a, b) => Operators.Compare(r, a, b) < 0,
        ["lessthan"] = (r, a, b) => Operators.Compare(r, a, b) < 0,
        ["<"] = (r, a, b) => Operators.Compare(r, a, b) < 0,
        ["le"] = (r, a, b) => Operators.Compare(r, a, b) <= 0,
        ["<="] = (r, a, b) => Operators.Compare(r, a, b) <= 0,
        ["gt"] = (r, a, b) => Operators.Compare(r, a, b) > 0,
        ["greaterthan"] = (r, a, b) => Operators.Compare(r, a, b) > 0,
        [">"] = (r, a, b) => Operators.Compare(r, a, b) > 0,
        ["ge"] = (r, a, b) => Operators.Compare(r, a, b) >= 0,
        [">="] = (r, a, b) => Operators.Compare(r, a, b) >= 0,
    };

    public static IEnumerable<string> Names => s_table.Keys.Concat(s_comparisons.Keys);

    public static bool Exists(string name) => s_table.ContainsKey(name) || s_comparisons.ContainsKey(name);

    public static bool Holds(Rendering rendering, string name, object? value, Arguments arguments)
    {
        if (value is TracedText text) rendering.Scan(text.Length);
        if (s_table.TryGetValue(name, out Func<Rendering, object?, Arguments, bool>? test)) return test(rendering, value, arguments);
        if (s_comparisons.TryGetValue(name, out Func<Rendering, object?, object?, bool>? compare))
            return compare(rendering, value, arguments.Demand(0, "other"));
        throw rendering.Unsupported($"unknown test {name}");
    }

    private static bool Divides(Rendering rendering, object? value, long divisor) =>
        !Operators.IsTrue(Operators.Arithmetic(rendering, "%", value, divisor));
}
