namespace Edge.Llm.Templates.Jinja;

/// <summary>Truth, equality, order and arithmetic, as Python has them.</summary>
internal static class Operators
{
    private const long MaxExactExponent = 64;
    private const int MaxFloatExponent = 1024;

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long integer => integer != 0,
        double number => number != 0,
        TracedText text => text.Length > 0,
        JinjaList list => list.Items.Count > 0,
        JinjaDict dict => dict.Items.Count > 0,
        _ => true,
    };

    public static string TypeName(object? value) => value switch
    {
        null => "None",
        Undefined undefined => $"nothing: {undefined.What} is undefined",
        bool => "a bool",
        long => "an integer",
        double => "a float",
        TracedText => "a string",
        JinjaList { IsTuple: true } => "a tuple",
        JinjaList => "a list",
        JinjaDict => "a dictionary",
        JinjaNamespace => "a namespace",
        LoopState => "a loop",
        _ => "a function",
    };

    public static bool AreEqual(Rendering rendering, object? left, object? right)
    {
        rendering.Enter();
        if (left is TracedText x && right is TracedText y && x.Length == y.Length) rendering.Scan(x.Length);
        bool equal = (left, right) switch
        {
            (null, null) or (Undefined, Undefined) => true,
            (TracedText a, TracedText b) => a.Equals(b),
            (JinjaList a, JinjaList b) => a.IsTuple == b.IsTuple && a.Items.Count == b.Items.Count && AllEqual(rendering, a.Items, b.Items),
            (JinjaDict a, JinjaDict b) => a.Items.Count == b.Items.Count
                && a.Items.All(entry => b.Items.TryGetValue(entry.Key, out object? other) && AreEqual(rendering, entry.Value, other)),
            _ when TryInteger(left, out long a) && TryInteger(right, out long b) => a == b,
            _ when TryNumber(left, out double a) && TryNumber(right, out double b) => a == b,
            _ => ReferenceEquals(left, right) && left is not null,
        };
        rendering.Leave();
        return equal;
    }

    private static bool AllEqual(Rendering rendering, List<object?> left, List<object?> right)
    {
        for (int i = 0; i < left.Count; i++)
            if (!AreEqual(rendering, left[i], right[i])) return false;
        return true;
    }

    public static int Compare(Rendering rendering, object? left, object? right)
    {
        rendering.Enter();
        if (left is TracedText x && right is TracedText y) rendering.Scan(Math.Min(x.Length, y.Length));
        int order = (left, right) switch
        {
            (TracedText a, TracedText b) => a.CompareTo(b),
            (JinjaList a, JinjaList b) => CompareItems(rendering, a.Items, b.Items),
            _ when TryInteger(left, out long a) && TryInteger(right, out long b) => a.CompareTo(b),
            _ when TryNumber(left, out double a) && TryNumber(right, out double b) => a.CompareTo(b),
            _ => throw rendering.Fail($"cannot compare {TypeName(left)} with {TypeName(right)}"),
        };
        rendering.Leave();
        return order;
    }

    private static int CompareItems(Rendering rendering, List<object?> left, List<object?> right)
    {
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
            if (!AreEqual(rendering, left[i], right[i])) return Compare(rendering, left[i], right[i]);
        return left.Count.CompareTo(right.Count);
    }

    public static bool Contains(Rendering rendering, object? container, object? item)
    {
        switch (container)
        {
            case TracedText text when item is TracedText part:
                rendering.ChargeSearch(text.Length, part.Length);
                return text.Value.Contains(part.Value, StringComparison.Ordinal);
            case JinjaList list:
                foreach (object? other in list.Items)
                    if (AreEqual(rendering, other, item)) return true;
                return false;
            case JinjaDict dict: return item is TracedText or long or double or bool && dict.Items.ContainsKey(Members.Key(rendering, item));
            case JinjaNamespace names: return item is TracedText name && names.Items.ContainsKey(name.Value);
            case Undefined: return false;
            default: throw rendering.Fail($"in: cannot look for {TypeName(item)} in {TypeName(container)}");
        }
    }

    public static object? Arithmetic(Rendering rendering, string op, object? left, object? right)
    {
        switch (op, left, right)
        {
            case ("+", TracedText a, TracedText b): return Concat(rendering, a, b);
            case ("+", JinjaList a, JinjaList b) when a.IsTuple == b.IsTuple:
                rendering.Step(a.Items.Count + b.Items.Count);
                return new JinjaList([.. a.Items, .. b.Items], a.IsTuple);
            case ("*", TracedText or JinjaList, _) when TryInteger(right, out long count): return Repeat(rendering, left, count);
            case ("*", _, TracedText or JinjaList) when TryInteger(left, out long count): return Repeat(rendering, right, count);
            case ("%", TracedText format, _): return StringFormat.Percent(rendering, format, right);
        }
        if (TryInteger(left, out long x) && TryInteger(right, out long y) && op != "/" && !(op == "**" && y < 0)) return Integers(rendering, op, x, y);
        if (TryNumber(left, out double f) && TryNumber(right, out double g)) return Floats(rendering, op, f, g);
        throw rendering.Fail($"{op}: cannot combine {TypeName(left)} and {TypeName(right)}");
    }

    public static TracedText Concat(Rendering rendering, TracedText left, TracedText right)
    {
        var builder = new TextBuilder(rendering);
        builder.Append(left);
        builder.Append(right);
        return builder.ToText();
    }

    public static bool TryInteger(object? value, out long integer)
    {
        integer = value switch { long number => number, true => 1, _ => 0 };
        return value is long or bool;
    }

    public static bool TryNumber(object? value, out double number)
    {
        number = value switch { double f => f, long i => i, true => 1, _ => 0 };
        return value is double or long or bool;
    }

    private static object Repeat(Rendering rendering, object? value, long count)
    {
        if (value is JinjaList list)
        {
            var repeated = new List<object?>();
            for (long i = 0; i < count; i++)
            {
                rendering.Step(list.Items.Count + 1);
                repeated.AddRange(list.Items);
            }
            return new JinjaList(repeated, list.IsTuple);
        }
        var text = (TracedText)value!;
        var builder = new TextBuilder(rendering);
        for (long i = 0; i < count && text.Length > 0; i++) builder.Append(text);
        return builder.ToText();
    }

    private static long Integers(Rendering rendering, string op, long x, long y)
    {
        try
        {
            return op switch
            {
                "+" => checked(x + y),
                "-" => checked(x - y),
                "*" => checked(x * y),
                "**" => Power(rendering, x, y),
                "//" or "%" when y == 0 => throw rendering.Fail($"{op}: division by zero"),
                "//" => checked(x / y) - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0),
                _ => y == -1 ? 0L : x % y + (x % y != 0 && (x < 0) != (y < 0) ? y : 0),
            };
        }
        catch (OverflowException)
        {
            throw rendering.Unsupported($"{op}: the result does not fit 64 bits");
        }
    }

    private static long Power(Rendering rendering, long x, long y)
    {
        if (x is 0 or 1) return y == 0 ? 1 : x;
        if (x == -1) return y % 2 == 0 ? 1 : -1;
        if (y > MaxExactExponent) throw rendering.Unsupported("**: the result does not fit 64 bits");
        long power = 1;
        for (; y > 0; y--) power = checked(power * x);
        return power;
    }

    /// <summary>Whole exponents only: no template needs a root.</summary>
    private static double Power(Rendering rendering, double x, double y)
    {
        if (y != Math.Truncate(y) || Math.Abs(y) > MaxFloatExponent)
            throw rendering.Unsupported($"**: expected a whole exponent of at most {MaxFloatExponent}");
        if (x == 0 && y < 0) throw rendering.Fail("**: 0 to a negative power");
        double power = 1;
        for (double i = Math.Abs(y); i > 0; i--) power *= x;
        return y < 0 ? 1 / power : power;
    }

    private static double Floats(Rendering rendering, string op, double x, double y) => op switch
    {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        "**" => Power(rendering, x, y),
        _ when y == 0 => throw rendering.Fail($"{op}: division by zero"),
        "/" => x / y,
        "//" => Math.Floor(x / y),
        _ => x - y * Math.Floor(x / y),
    };
}
