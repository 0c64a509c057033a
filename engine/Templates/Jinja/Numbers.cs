using System.Globalization;
using System.Numerics;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Python's numbers: whole ones as large as Python writes them, and doubles. A bool counts as 0 or 1.</summary>
internal static class Numbers
{
    private const int MaxBits = 14_284; // 4300 digits: more Python does not write
    private const int MaxDigits = 4300;
    private const int ExactBits = 53; // of a double
    private const int MaxExponent = 1024;

    /// <summary>The value of a result: a long where it fits.</summary>
    public static object Whole(Rendering rendering, BigInteger value)
    {
        if (value.GetBitLength() > MaxBits) throw rendering.Unsupported("a whole number has more than 4300 digits");
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    public static bool TryWhole(object? value, out BigInteger whole)
    {
        whole = value switch { long number => number, BigInteger number => number, true => BigInteger.One, _ => BigInteger.Zero };
        return value is long or BigInteger or bool;
    }

    public static bool IsNumber(object? value) => value is long or BigInteger or double or bool;

    /// <summary>A number as a double; whole ones are rounded.</summary>
    public static double ToDouble(Rendering rendering, object? value)
    {
        if (value is double number) return number;
        bool isWhole = TryWhole(value, out BigInteger whole);
        System.Diagnostics.Debug.Assert(isWhole);
        double rounded = Rounded(whole);
        return double.IsFinite(rounded) ? rounded : throw rendering.Fail("the whole number is too large for a float");
    }

    public static object Combine(Rendering rendering, string op, BigInteger x, BigInteger y)
    {
        rendering.Step(Size(x) * Size(y));
        if (op is "/" or "//" or "%" && y.IsZero) throw rendering.Fail($"{op}: division by zero");
        switch (op)
        {
            case "+": return Whole(rendering, x + y);
            case "-": return Whole(rendering, x - y);
            case "*": return Whole(rendering, x * y);
            case "**": return y.Sign < 0 ? Power(rendering, ToDouble(rendering, Whole(rendering, x)), Whole(rendering, y)) : Power(rendering, x, y);
            case "/": return Finite(rendering, op, Quotient(x, y));
        }
        BigInteger quotient = BigInteger.DivRem(x, y, out BigInteger remainder);
        bool isBelow = !remainder.IsZero && remainder.Sign != y.Sign; // Python rounds down, .NET towards 0
        return op == "//" ? Whole(rendering, isBelow ? quotient - 1 : quotient) : Whole(rendering, isBelow ? remainder + y : remainder);
    }

    public static double Combine(Rendering rendering, string op, double x, double y)
    {
        if (op is "/" or "//" or "%" && y == 0) throw rendering.Fail($"{op}: division by zero");
        if (op == "+") return x + y;
        if (op == "-") return x - y;
        if (op == "*") return x * y;
        if (op == "/") return x / y;
        if (op == "**") return double.IsInteger(y) && Math.Abs(y) <= MaxExponent ? Power(rendering, x, (long)y) : throw Inexact(rendering);
        double remainder = x % y;
        double quotient = (x - remainder) / y;
        if (remainder != 0 && (y < 0) != (remainder < 0)) (remainder, quotient) = (remainder + y, quotient - 1);
        if (op == "%") return remainder != 0 ? remainder : Math.CopySign(0, y);
        if (quotient == 0) return Math.CopySign(0, x / y);
        double floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    /// <summary>The order of two numbers, exactly; null if one is not a number.</summary>
    public static int? Compare(object? left, object? right)
    {
        bool isWhole = TryWhole(left, out BigInteger x), isOtherWhole = TryWhole(right, out BigInteger y);
        if (isWhole && isOtherWhole) return x.CompareTo(y);
        if (isWhole) return -Compare((double)right!, x);
        if (isOtherWhole) return Compare((double)left!, y);
        (double f, double g) = ((double)left!, (double)right!);
        return double.IsNaN(f) || double.IsNaN(g) ? null : f.CompareTo(g);
    }

    /// <summary>A text as int() reads it: with a sign, spaces around and underscores between digits.</summary>
    public static bool TryParseWhole(Rendering rendering, string text, int radix, out BigInteger whole)
    {
        whole = BigInteger.Zero;
        ReadOnlySpan<char> digits = PythonDigits(text);
        bool isNegative = digits is ['-', ..];
        if (digits is ['-' or '+', ..]) digits = digits[1..];
        if (digits is ['0', _, ..] && (digits[1] | ' ') is var mark && (radix, mark) is (16 or 0, 'x') or (8 or 0, 'o') or (2 or 0, 'b'))
        {
            radix = mark switch { 'x' => 16, 'o' => 8, _ => 2 };
            digits = digits[2..];
            if (digits is ['_', ..]) digits = digits[1..];
        }
        else if (radix == 0)
        {
            radix = 10;
            if (digits is ['0', ..] && digits.Trim("0_").Length > 0) return false;
        }
        if (digits.Length is 0 or > MaxDigits || digits[0] == '_' || digits[^1] == '_') return false;
        rendering.Step((long)digits.Length * digits.Length / 64);
        for (int i = 0; i < digits.Length; i++)
        {
            if (digits[i] == '_')
            {
                if (digits[i - 1] == '_') return false;
                continue;
            }
            int digit = char.IsAsciiDigit(digits[i]) ? digits[i] - '0' : char.IsAsciiLetter(digits[i]) ? (digits[i] | ' ') - 'a' + 10 : int.MaxValue;
            if (digit >= radix) return false;
            whole = whole * radix + digit;
        }
        if (isNegative) whole = -whole;
        return true;
    }

    /// <summary>A text as float() reads it.</summary>
    public static bool TryParseFloat(string text, out double number)
    {
        ReadOnlySpan<char> digits = PythonDigits(text);
        for (int i = 0; i < digits.Length; i++)
            if (digits[i] == '_' && (i == 0 || i + 1 == digits.Length || !char.IsAsciiDigit(digits[i - 1]) || !char.IsAsciiDigit(digits[i + 1])))
            {
                number = 0;
                return false;
            }
        string plain = digits.ToString().Replace("_", "", StringComparison.Ordinal);
        string word = plain.TrimStart('+', '-').ToLowerInvariant();
        if (word is "inf" or "infinity" or "nan" && plain.Length - word.Length <= 1)
        {
            number = word == "nan" ? double.NaN : plain[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }
        number = 0;
        return plain.Length > 0 && plain.All(c => char.IsAsciiDigit(c) || c is '+' or '-' or '.' or 'e' or 'E')
            && double.TryParse(plain, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>x / y, rounded once.</summary>
    public static double Quotient(BigInteger x, BigInteger y)
    {
        if (x.GetBitLength() <= ExactBits && y.GetBitLength() <= ExactBits) return (double)x / (double)y;
        // 66 bits of the quotient, the last of which stands for all that follow it.
        int shift = 66 - (int)(x.GetBitLength() - y.GetBitLength());
        BigInteger bits = BigInteger.DivRem(BigInteger.Abs(x) << Math.Max(shift, 0), BigInteger.Abs(y) << Math.Max(-shift, 0), out BigInteger rest);
        double quotient = Math.ScaleB(Rounded(rest.IsZero ? bits : bits | BigInteger.One), -shift);
        return (x.Sign < 0) != (y.Sign < 0) ? -quotient : quotient;
    }

    /// <summary>A finite double as mantissa * 2 ** exponent.</summary>
    public static (BigInteger Mantissa, int Exponent) Parts(double value)
    {
        long bits = BitConverter.DoubleToInt64Bits(value), fraction = bits & ((1L << 52) - 1);
        int exponent = (int)((bits >> 52) & 0x7FF);
        if (exponent > 0) fraction |= 1L << 52;
        return (value < 0 ? -fraction : fraction, Math.Max(exponent, 1) - 1075);
    }

    private static int? Compare(double left, BigInteger right)
    {
        if (double.IsNaN(left)) return null;
        if (double.IsInfinity(left)) return left > 0 ? 1 : -1;
        double whole = Math.Truncate(left);
        int order = new BigInteger(whole).CompareTo(right);
        return order != 0 ? order : left.CompareTo(whole);
    }

    private static long Size(BigInteger value) => 1 + value.GetBitLength() / 256;

    // .NET's own conversion of large ones does not round to the nearest.
    private static double Rounded(BigInteger value) => value.GetBitLength() <= ExactBits ? (double)value
        : double.Parse(value.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static double Finite(Rendering rendering, string op, double value) =>
        double.IsFinite(value) ? value : throw rendering.Fail($"{op}: the result is too large for a float");

    private static object Power(Rendering rendering, BigInteger x, BigInteger y)
    {
        if (y.IsZero || x.IsOne) return 1L;
        if (x.IsZero || x == BigInteger.MinusOne) return x.IsZero ? 0L : y.IsEven ? 1L : -1L;
        if (y > MaxBits || (x.GetBitLength() - 1) * (long)y > MaxBits) throw rendering.Unsupported("**: a whole number has more than 4300 digits");
        BigInteger power = BigInteger.Pow(x, (int)y);
        rendering.Step(Size(power) * Size(power));
        return Whole(rendering, power);
    }

    /// <summary>To a whole power, rounded once.</summary>
    private static double Power(Rendering rendering, double x, object exponent)
    {
        if (exponent is not long y || Math.Abs(y) > MaxExponent) throw Inexact(rendering);
        if (y == 0) return 1;
        if (x == 0 && y < 0) throw rendering.Fail("**: 0 to a negative power");
        if (!double.IsFinite(x) || x == 0) return Special(x, y);
        (BigInteger mantissa, int shift) = Parts(x);
        rendering.Step(Math.Abs(y) * Math.Abs(y) / 64);
        BigInteger power = BigInteger.Pow(mantissa, (int)Math.Abs(y)), one = BigInteger.One;
        long bits = shift * Math.Abs(y);
        (BigInteger above, BigInteger below) = bits >= 0 ? (power << (int)bits, one) : (power, one << (int)-bits);
        return Finite(rendering, "**", y > 0 ? Quotient(above, below) : Quotient(below, above));
    }

    private static double Special(double x, long y)
    {
        double size = double.IsNaN(x) ? x : (x == 0) == (y > 0) ? 0 : double.PositiveInfinity;
        return y % 2 != 0 && double.IsNegative(x) ? -size : size;
    }

    private static EdgeLlmException Inexact(Rendering rendering) => rendering.Unsupported($"**: expected a whole exponent of at most {MaxExponent}");

    /// <summary>Without spaces around, and with digits of any script as ASCII.</summary>
    private static ReadOnlySpan<char> PythonDigits(string text)
    {
        IEnumerable<string> characters = text.EnumerateRunes()
            .Select(rune => CharacterClass.DecimalDigit(rune) is >= 0 and int digit ? ((char)('0' + digit)).ToString() : rune.ToString());
        return string.Concat(characters).AsSpan().Trim(CharacterClass.Spaces);
    }
}
