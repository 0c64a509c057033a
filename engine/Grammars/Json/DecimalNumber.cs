using System.Globalization;
using System.Numerics;

namespace Edge.Llm.Grammars.Json;

/// <summary>A number as JSON writes it, exactly: <see cref="Units"/> times ten to the power of minus <see cref="Decimals"/>, with the fewest
/// decimals.</summary>
internal readonly record struct DecimalNumber(BigInteger Units, int Decimals) : IComparable<DecimalNumber>
{
    private const int MostDigits = 400;

    /// <summary>The number of a JSON text; null if it has very many digits.</summary>
    public static DecimalNumber? Parse(string text)
    {
        int exponent = 0, e = text.IndexOfAny(['e', 'E']);
        if (e >= 0 && !int.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent)) return null;
        string digits = e >= 0 ? text[..e] : text;
        int point = digits.IndexOf('.');
        int decimals = point < 0 ? 0 : digits.Length - point - 1;
        if (point >= 0) digits = digits.Remove(point, 1);
        if (digits.Length > MostDigits || Math.Abs((long)exponent) > MostDigits) return null;
        BigInteger units = BigInteger.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        decimals -= exponent;
        if (decimals < 0) (units, decimals) = (units * BigInteger.Pow(10, -decimals), 0);
        while (decimals > 0 && units % 10 == 0) (units, decimals) = (units / 10, decimals - 1);
        return new DecimalNumber(units, decimals);
    }

    public bool IsInteger => Decimals == 0;

    public int CompareTo(DecimalNumber other) =>
        (Units * BigInteger.Pow(10, Math.Max(other.Decimals - Decimals, 0))).CompareTo(
            other.Units * BigInteger.Pow(10, Math.Max(Decimals - other.Decimals, 0)));

    public bool IsMultipleOf(DecimalNumber divisor)
    {
        int decimals = Math.Max(Decimals, divisor.Decimals);
        return Units * BigInteger.Pow(10, decimals - Decimals) % (divisor.Units * BigInteger.Pow(10, decimals - divisor.Decimals)) == 0;
    }

    public DecimalNumber Negated => new(-Units, Decimals);

    /// <summary>Digits before and behind the point, without a sign.</summary>
    public (string Whole, string Fraction) Digits()
    {
        string digits = BigInteger.Abs(Units).ToString(CultureInfo.InvariantCulture).PadLeft(Decimals + 1, '0');
        return (digits[..^Decimals], digits[^Decimals..]);
    }

    public override string ToString()
    {
        (string whole, string fraction) = Digits();
        return (Units.Sign < 0 ? "-" : "") + whole + (fraction.Length > 0 ? "." + fraction : "");
    }
}
