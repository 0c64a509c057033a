using System.Globalization;
using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Doubles as decimals: exact digits, rounded once, a tie to the even digit.</summary>
internal static class FloatText
{
    private const int DefaultPrecision = 6;

    /// <summary>The digits of a number that is not negative, without padding.</summary>
    public static string Digits(Rendering rendering, double value, FormatSpec spec)
    {
        char type = spec.Type == 'n' ? 'g' : spec.Type;
        if (!"eEfFgG%\0".Contains(type, StringComparison.Ordinal)) throw rendering.Fail($"format: unknown type '{type}' for a number");
        bool isUpper = type is 'E' or 'F' or 'G';
        if (!double.IsFinite(value))
        {
            string word = double.IsNaN(value) ? "nan" : "inf";
            return isUpper ? word.ToUpperInvariant() : type == '%' ? word + "%" : word;
        }
        int precision = spec.Precision < 0 ? DefaultPrecision : spec.Precision;
        rendering.Charge(precision * 8L + 400);
        string text = (char)(type | ' ') switch
        {
            'f' => Fixed(value, precision),
            'e' => Scientific(value, precision),
            'g' => General(value, Math.Max(precision, 1), spec.Alternate),
            '%' => Fixed(value * 100, precision) + (spec.Alternate && precision == 0 ? ".%" : "%"),
            _ => spec.Precision < 0 ? PythonText.Float(value) : Shorter(value, Math.Max(precision, 1), spec.Alternate),
        };
        if (spec.Alternate && type != '%' && !text.Contains('.', StringComparison.Ordinal))
            text = text.IndexOf('e', StringComparison.Ordinal) is >= 0 and int e ? text.Insert(e, ".") : text + ".";
        return isUpper ? text.ToUpperInvariant() : text;
    }

    /// <summary>Rounded to some decimals; to tens, hundreds and so on where they are negative.</summary>
    public static double Rounded(double value, int decimals)
    {
        double rounded = decimals >= 0
            ? double.Parse(Fixed(Math.Abs(value), decimals), CultureInfo.InvariantCulture)
            : Numbers.Quotient(RoundedQuotient(Numbers.Parts(Math.Abs(value)), -decimals) * BigInteger.Pow(10, -decimals), BigInteger.One);
        return Math.CopySign(rounded, value);
    }

    public static string Fixed(double value, int decimals)
    {
        string digits = RoundedQuotient(Numbers.Parts(value), -decimals).ToString(CultureInfo.InvariantCulture).PadLeft(decimals + 1, '0');
        return decimals == 0 ? digits : $"{digits[..^decimals]}.{digits[^decimals..]}";
    }

    private static string Scientific(double value, int precision)
    {
        (string digits, int exponent) = Significant(value, precision + 1);
        string fraction = precision > 0 ? "." + digits[1..] : "";
        return string.Create(CultureInfo.InvariantCulture, $"{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
    }

    private static string General(double value, int precision, bool keepZeros)
    {
        int exponent = Significant(value, precision).Exponent;
        if (exponent >= -4 && exponent < precision) return Trimmed(Fixed(value, precision - 1 - exponent), keepZeros);
        string text = Scientific(value, precision - 1);
        int e = text.IndexOf('e', StringComparison.Ordinal);
        return Trimmed(text[..e], keepZeros) + text[e..];
    }

    /// <summary>As General, but a number keeps a decimal and an exponent begins one digit sooner: what no type at all means.</summary>
    private static string Shorter(double value, int precision, bool keepZeros)
    {
        int exponent = Significant(value, precision).Exponent;
        string text = exponent == precision - 1 ? Scientific(value, precision - 1) : General(value, precision, keepZeros);
        int e = text.IndexOf('e', StringComparison.Ordinal);
        if (e >= 0) return exponent == precision - 1 ? Trimmed(text[..e], keepZeros) + text[e..] : text;
        return text.Contains('.', StringComparison.Ordinal) ? text : text + ".0";
    }

    private static string Trimmed(string text, bool keepZeros) =>
        keepZeros || !text.Contains('.', StringComparison.Ordinal) ? text : text.TrimEnd('0').TrimEnd('.');

    /// <summary>The first digits, rounded, and the power of ten of the first of them.</summary>
    private static (string Digits, int Exponent) Significant(double value, int count)
    {
        if (value == 0) return (new string('0', count), 0);
        string shortest = value.ToString("E16", CultureInfo.InvariantCulture);
        int e = shortest.IndexOf('E', StringComparison.Ordinal);
        int exponent = int.Parse(shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        while (true)
        {
            string digits = RoundedQuotient(Numbers.Parts(value), exponent - count + 1).ToString(CultureInfo.InvariantCulture);
            if (digits.Length == count) return (digits, exponent);
            exponent += digits.Length - count; // rounding made a digit more, or the estimate had one too many
        }
    }

    /// <summary>A number / 10 ** power, as a whole number.</summary>
    private static BigInteger RoundedQuotient((BigInteger Mantissa, int Exponent) parts, int power)
    {
        BigInteger above = parts.Mantissa * BigInteger.Pow(10, Math.Max(0, -power)) << Math.Max(0, parts.Exponent);
        BigInteger below = BigInteger.Pow(10, Math.Max(0, power)) << Math.Max(0, -parts.Exponent);
        return RoundedQuotient(above, below);
    }

    /// <summary>The whole number next to a quotient, of two the even one.</summary>
    public static BigInteger RoundedQuotient(BigInteger above, BigInteger below)
    {
        BigInteger quotient = BigInteger.DivRem(above, below, out BigInteger rest);
        int half = (BigInteger.Abs(rest) * 2).CompareTo(BigInteger.Abs(below));
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + (above.Sign == below.Sign ? 1 : -1) : quotient;
    }
}
