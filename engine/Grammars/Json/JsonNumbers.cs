using System.Numerics;

namespace Edge.Llm.Grammars.Json;

/// <summary>An end of a range of numbers.</summary>
internal readonly record struct Bound(DecimalNumber Value, bool Excluded);

/// <summary>Patterns of numbers in JSON.</summary>
internal sealed class JsonNumbers(PatternPool patterns)
{
    /// <summary>What every reader keeps exactly or nearly so, and no text is longer.</summary>
    private const int MostDigits = 18, MostDecimals = 17;

    private readonly int _digit = patterns.Bytes(ByteSet.Range((byte)'0', (byte)'9'));

    /// <summary>Any whole number.</summary>
    public int Integer() => Signed(Whole());

    /// <summary>Any number.</summary>
    public int Number()
    {
        int exponent = patterns.Sequence(Set("eE"), patterns.Optional(Set("+-")), patterns.Repeat(_digit, 1, 2));
        return Signed(patterns.Sequence(Whole(), patterns.Optional(Fraction()), patterns.Optional(exponent)));
    }

    /// <summary>Any number that is not whole.</summary>
    public int NotInteger()
    {
        int nonZero = patterns.Bytes(ByteSet.Range((byte)'1', (byte)'9'));
        return Signed(patterns.Sequence(Whole(), Text("."), patterns.Repeat(_digit, 0, MostDecimals - 1), nonZero));
    }

    /// <summary>The numbers of a range, without exponents.</summary>
    public int Range(Bound? min, Bound? max, bool integer)
    {
        int positive = patterns.Both(AtLeast(min, integer), AtMost(max, integer));
        int negative = patterns.Both(AtLeast(Negated(max), integer), AtMost(Negated(min), integer));
        int zero = patterns.Sequence(Text("0"), patterns.Optional(patterns.Sequence(Text("."), patterns.Repeat(Text("0"), 1))));
        return patterns.Either(positive, patterns.Sequence(Text("-"), patterns.Both(negative, patterns.Not(zero))));
    }

    /// <summary>The multiples of a number, as whole numbers or with as many decimals as it has.</summary>
    /// <returns>Null if it is too large a number.</returns>
    public int? Multiples(DecimalNumber divisor, bool integer)
    {
        if (divisor.Units.Sign <= 0 || divisor.Units > int.MaxValue) return null;
        var ways = new List<int>();
        for (int decimals = 0; decimals <= (integer ? 0 : divisor.Decimals); decimals++)
        {
            BigInteger scale = BigInteger.Pow(10, divisor.Decimals - decimals);
            int step = (int)(divisor.Units / BigInteger.GreatestCommonDivisor(divisor.Units, scale));
            int digits = decimals == 0 ? Whole() : patterns.Sequence(Whole(), Text("."), patterns.Repeat(_digit, decimals, decimals));
            ways.Add(step == 1 ? digits : patterns.Both(digits, patterns.MultipleOf(step)));
        }
        return Signed(patterns.Either([.. ways]));
    }

    private int Whole() =>
        patterns.Either(Text("0"), patterns.Sequence(patterns.Bytes(ByteSet.Range((byte)'1', (byte)'9')), patterns.Repeat(_digit, 0, MostDigits - 1)));

    private int Fraction() => patterns.Sequence(Text("."), patterns.Repeat(_digit, 1, MostDecimals));

    private int Signed(int digits) => patterns.Sequence(patterns.Optional(Text("-")), digits);

    private int Rest(bool integer) => integer ? PatternPool.Empty : patterns.Optional(Fraction());

    private int AtMost(Bound? bound, bool integer)
    {
        if (bound is not { } max) return patterns.Sequence(Whole(), Rest(integer));
        if (max.Value.Units.Sign < 0) return PatternPool.Nothing;
        (string whole, string fraction) = max.Value.Digits();
        var ways = new List<int>();
        if (whole.Length > 1)
            ways.Add(patterns.Sequence(
                patterns.Either(Text("0"), patterns.Sequence(Digits('1', '9'), patterns.Repeat(_digit, 0, whole.Length - 2))), Rest(integer)));
        for (int i = 0; i < whole.Length; i++)
            ways.Add(patterns.Sequence(
                Text(whole[..i]), Digits(i == 0 && whole.Length > 1 ? '1' : '0', (char)(whole[i] - 1)), Some(whole.Length - i - 1), Rest(integer)));
        if (integer || fraction.Length == 0)
        {
            bool allowed = fraction.Length > 0 || !max.Excluded;
            int zeros = integer ? PatternPool.Empty : patterns.Optional(patterns.Sequence(Text("."), patterns.Repeat(Text("0"), 1, MostDecimals)));
            if (allowed) ways.Add(patterns.Sequence(Text(whole), zeros));
            return patterns.Either([.. ways]);
        }
        ways.Add(Text(whole));
        for (int i = 0; i < fraction.Length; i++)
        {
            string before = whole + "." + fraction[..i];
            if (i > 0) ways.Add(Text(before));
            ways.Add(patterns.Sequence(Text(before), Digits('0', (char)(fraction[i] - 1)), patterns.Repeat(_digit, 0, MostDecimals)));
        }
        if (!max.Excluded) ways.Add(patterns.Sequence(Text(whole + "." + fraction), patterns.Repeat(Text("0"), 0, MostDecimals)));
        return patterns.Either([.. ways]);
    }

    private int AtLeast(Bound? bound, bool integer)
    {
        if (bound is not { } min || min.Value.Units.Sign < 0) return patterns.Sequence(Whole(), Rest(integer));
        (string whole, string fraction) = min.Value.Digits();
        int longer = patterns.Repeat(_digit, whole.Length, Math.Max(whole.Length, MostDigits - 1));
        var ways = new List<int> { patterns.Sequence(Digits('1', '9'), longer, Rest(integer)) };
        for (int i = 0; i < whole.Length; i++)
            ways.Add(patterns.Sequence(Text(whole[..i]), Digits((char)(whole[i] + 1), '9'), Some(whole.Length - i - 1), Rest(integer)));
        if (fraction.Length == 0 && !min.Excluded) ways.Add(patterns.Sequence(Text(whole), Rest(integer)));
        else if (!integer)
        {
            for (int i = 0; i < fraction.Length; i++)
                ways.Add(patterns.Sequence(Text(whole + "." + fraction[..i]), Digits((char)(fraction[i] + 1), '9'), patterns.Repeat(_digit, 0, MostDecimals)));
            int more = min.Excluded
                ? patterns.Sequence(patterns.Repeat(Text("0"), 0, MostDecimals), Digits('1', '9'), patterns.Repeat(_digit, 0, MostDecimals))
                : patterns.Repeat(_digit, 0, MostDecimals);
            ways.Add(patterns.Sequence(Text(whole + "." + fraction), more));
        }
        return patterns.Either([.. ways]);
    }

    private static Bound? Negated(Bound? bound) => bound is { } value ? value with { Value = value.Value.Negated } : null;

    private int Some(int digits) => patterns.Repeat(_digit, digits, digits);

    private int Digits(char first, char last) =>
        first > last ? PatternPool.Nothing : patterns.Bytes(ByteSet.Range((byte)first, (byte)last));

    private int Set(string characters)
    {
        ByteSet set = default;
        foreach (char c in characters) set |= ByteSet.Of((byte)c);
        return patterns.Bytes(set);
    }

    private int Text(string text) => patterns.Text(System.Text.Encoding.ASCII.GetBytes(text));
}
