using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Filters on single values, and the table of all filters.</summary>
internal static class Filters
{
    private static readonly Dictionary<string, Operation<object?, object?>> s_table = new(ListFilters.Table.Concat(TextFilters.Table))
    {
        ["string"] = new("", (r, value, _) => PythonText.Str(r, value)),
        ["default"] = new("default_value boolean", Default),
        ["d"] = new("default_value boolean", Default),
        ["tojson"] = new("ensure_ascii indent separators sort_keys", (r, value, a) => JsonText.Write(r, value, a)),
        ["int"] = new("default base", Integer),
        ["float"] = new("default", Float),
        ["bool"] = new("", (_, value, _) => Operators.IsTrue(value)),
        ["abs"] = new("", (r, value, _) => value is double number ? Math.Abs(number)
            : Numbers.TryWhole(value, out BigInteger whole) ? Numbers.Whole(r, BigInteger.Abs(whole))
            : throw r.Fail($"abs: expected a number, found {Operators.TypeName(value)}")),
        ["round"] = new("precision method", Round),
        ["attr"] = new("name", (r, value, a) => Members.OwnAttribute(r, value, a.Text(0, "name").Value)),
    };

    public static IEnumerable<string> Names => s_table.Keys;

    public static bool Exists(string name) => s_table.ContainsKey(name);

    public static object? Apply(Rendering rendering, string name, object? value, Arguments arguments)
    {
        if (value is TracedText text) rendering.Scan(text.Length);
        return s_table.TryGetValue(name, out Operation<object?, object?>? filter)
            ? filter.Run(rendering, value, arguments)
            : throw rendering.Unsupported($"unknown filter {name}");
    }

    private static object? Default(Rendering rendering, object? value, Arguments arguments) =>
        value is Undefined || (arguments.Flag(1, "boolean") && !Operators.IsTrue(value)) ? arguments.Get(0, "default_value", TracedText.Empty) : value;

    private static object? Integer(Rendering rendering, object? value, Arguments arguments)
    {
        CheckDefined(rendering, value, "int");
        int radix = (int)Math.Clamp(arguments.Integer(1, "base", 10), -1, 99);
        if (value is TracedText digits)
        {
            if (radix is not (0 or 2 or 8 or 10 or 16)) throw rendering.Unsupported("int: expected the base 0, 2, 8, 10 or 16");
            if (Numbers.TryParseWhole(rendering, digits.Value, radix, out BigInteger parsed)) return Numbers.Whole(rendering, parsed);
        }
        if (Numbers.TryWhole(value, out BigInteger whole)) return Numbers.Whole(rendering, whole);
        return AsFloat(rendering, value) is double number && double.IsFinite(number)
            ? Numbers.Whole(rendering, new BigInteger(number)) // towards 0
            : arguments.Get(0, "default", 0L);
    }

    private static object? Float(Rendering rendering, object? value, Arguments arguments)
    {
        CheckDefined(rendering, value, "float");
        return AsFloat(rendering, value) is double number ? number : arguments.Get(0, "default", 0.0);
    }

    private static double? AsFloat(Rendering rendering, object? value) => Numbers.IsNumber(value) ? Numbers.ToDouble(rendering, value)
        : value is TracedText text && Numbers.TryParseFloat(text.Value, out double parsed) ? parsed
        : null;

    private static void CheckDefined(Rendering rendering, object? value, string filter)
    {
        if (value is Undefined undefined) throw rendering.Fail($"{filter}: {undefined.What} is undefined");
    }

    private static object? Round(Rendering rendering, object? value, Arguments arguments)
    {
        if (!Numbers.IsNumber(value)) throw rendering.Fail($"round: expected a number, found {Operators.TypeName(value)}");
        string method = arguments.TextOrNull(1, "method")?.Value ?? "common";
        long precision = arguments.Integer(0, "precision", 0);
        if (Math.Abs(Math.Clamp(precision, -9999, 9999)) > 300) throw rendering.Unsupported("round: expected a precision of at most 300");
        int digits = (int)precision;
        rendering.Charge(400);
        if (method == "common")
        {
            if (value is double number) return double.IsFinite(number) ? FloatText.Rounded(number, digits) : number;
            Numbers.TryWhole(value, out BigInteger whole);
            if (digits >= 0) return Numbers.Whole(rendering, whole);
            BigInteger unit = BigInteger.Pow(10, -digits);
            return Numbers.Whole(rendering, FloatText.RoundedQuotient(whole, unit) * unit);
        }
        if (method is not ("ceil" or "floor")) throw rendering.Fail("round: expected the method common, ceil or floor");
        object scale = Numbers.Combine(rendering, "**", new BigInteger(10), new BigInteger(digits));
        object scaled = Operators.Arithmetic(rendering, "*", value, scale)!;
        if (scaled is double toRound)
        {
            if (!double.IsFinite(toRound)) throw rendering.Fail($"round: cannot round {PythonText.Float(toRound)}");
            scaled = Numbers.Whole(rendering, new BigInteger(method == "ceil" ? Math.Ceiling(toRound) : Math.Floor(toRound)));
        }
        return Operators.Arithmetic(rendering, "/", scaled, scale);
    }
}
