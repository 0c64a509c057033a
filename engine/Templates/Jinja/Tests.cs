using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary>What may follow <c>is</c>.</summary>
internal static class Tests
{
    private static readonly Dictionary<string, Operation<object?, bool>> s_table = new()
    {
        ["defined"] = new("", (_, value, _) => value is not Undefined),
        ["undefined"] = new("", (_, value, _) => value is Undefined),
        ["none"] = new("", (_, value, _) => value is null),
        ["boolean"] = new("", (_, value, _) => value is bool),
        ["true"] = new("", (_, value, _) => value is true),
        ["false"] = new("", (_, value, _) => value is false),
        ["integer"] = new("", (_, value, _) => value is long or BigInteger),
        ["float"] = new("", (_, value, _) => value is double),
        ["number"] = new("", (_, value, _) => Numbers.IsNumber(value)),
        ["string"] = new("", (_, value, _) => value is TracedText),
        ["mapping"] = new("", (_, value, _) => value is JinjaDict),
        ["sequence"] = new("", (_, value, _) => value is TracedText or JinjaList { IsIndexable: true } or JinjaDict or Undefined),
        ["iterable"] = new("", (_, value, _) => value is TracedText or JinjaList or JinjaDict or Undefined or LoopState),
        ["callable"] = new("", (_, value, _) => value is JinjaFunction or LoopState or Undefined),
        ["odd"] = new("", (r, value, _) => Remainder(r, value, 2L) is 1L or 1.0),
        ["even"] = new("", (r, value, _) => Remainder(r, value, 2L) is 0L or 0.0),
        ["divisibleby"] = new("num", (r, value, a) => Remainder(r, value, a.Demand(0, "num")) is 0L or 0.0),
        ["lower"] = new("", (r, value, _) => CharacterClass.IsLower(PythonText.Str(r, value).Value)),
        ["upper"] = new("", (r, value, _) => CharacterClass.IsUpper(PythonText.Str(r, value).Value)),
        ["in"] = new("seq", (r, value, a) => Operators.Contains(r, a.Demand(0, "seq"), value)),
        ["sameas"] = new("other", (_, value, a) => AreSame(value, a.Demand(0, "other"))),
        ["filter"] = new("", (_, value, _) => value is TracedText name && Filters.Exists(name.Value)),
        ["test"] = new("", (_, value, _) => value is TracedText name && Exists(name.Value)),
        ["escaped"] = new("", (_, value, _) => value is TracedText { IsMarkup: true }),
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

    private static readonly string[] s_comparison = ["other", "/"];

    public static IEnumerable<string> Names => s_table.Keys.Concat(s_comparisons.Keys);

    public static bool Exists(string name) => s_table.ContainsKey(name) || s_comparisons.ContainsKey(name);

    public static bool Holds(Rendering rendering, string name, object? value, Arguments arguments)
    {
        if (value is TracedText text) rendering.Scan(text.Length);
        if (s_table.TryGetValue(name, out Operation<object?, bool>? test)) return test.Run(rendering, value, arguments);
        if (s_comparisons.TryGetValue(name, out Func<Rendering, object?, object?, bool>? compare))
        {
            arguments.Check(s_comparison);
            return compare(rendering, value, arguments.Demand(0, "other"));
        }
        throw rendering.Unsupported($"unknown test {name}");
    }

    private static object? Remainder(Rendering rendering, object? value, object? divisor) => Operators.Arithmetic(rendering, "%", value, divisor);

    /// <summary>Python keeps one object for each small whole number.</summary>
    private static bool AreSame(object? value, object? other) =>
        ReferenceEquals(value, other) || (value is bool && Equals(value, other)) || (value is long and >= -5 and <= 256 && Equals(value, other));
}
