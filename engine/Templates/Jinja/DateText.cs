using System.Globalization;
using System.Text;

namespace Edge.Llm.Templates.Jinja;

/// <summary>Python's strftime in the C locale.</summary>
internal static class DateText
{
    public static string Format(Rendering rendering, DateTime date, string format)
    {
        rendering.Charge(format.Length * 16L);
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            char flag = i + 2 < format.Length && format[i + 1] is '-' or '_' or '0' or '^' or '#' ? format[i + 1] : '\0';
            i += flag != 0 ? 2 : 1;
            text.Append(Padded(Field(rendering, date, format[i]), flag));
        }
        return text.ToString();
    }

    /// <summary>glibc's flags: no padding, spaces, zeros, capitals.</summary>
    private static string Padded(string field, char flag)
    {
        string digits = field.TrimStart('0', ' ');
        if (digits.Length == 0 && field.Length > 0) digits = field[^1..];
        bool isNumber = field.Length > 0 && digits.All(char.IsAsciiDigit);
        return flag switch
        {
            '-' when isNumber => digits,
            '_' when isNumber => digits.PadLeft(field.Length),
            '0' when isNumber => digits.PadLeft(field.Length, '0'),
            '^' => field.ToUpperInvariant(),
            '#' when !isNumber => field is "AM" or "PM" ? field.ToLowerInvariant() : field.ToUpperInvariant(),
            _ => field,
        };
    }

    private static string Field(Rendering rendering, DateTime date, char code) => code switch
    {
        'Y' => date.Year.ToString(CultureInfo.InvariantCulture),
        'y' => Text(date, "yy"),
        'C' => Number(date.Year / 100, 2),
        'm' => Text(date, "MM"),
        'd' => Text(date, "dd"),
        'e' => Number(date.Day, 2, ' '),
        'H' => Text(date, "HH"),
        'k' => Number(date.Hour, 2, ' '),
        'I' => Text(date, "hh"),
        'l' => Text(date, "hh").TrimStart('0').PadLeft(2),
        'M' => Text(date, "mm"),
        'S' => Text(date, "ss"),
        'f' => Text(date, "ffffff"),
        'p' => Text(date, "tt"),
        'P' => Text(date, "tt").ToLowerInvariant(),
        'A' => Text(date, "dddd"),
        'a' => Text(date, "ddd"),
        'B' => Text(date, "MMMM"),
        'b' or 'h' => Text(date, "MMM"),
        'j' => Number(date.DayOfYear, 3),
        'u' => Number(date.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)date.DayOfWeek, 1),
        'w' => Number((int)date.DayOfWeek, 1),
        'U' => Number((date.DayOfYear + 6 - (int)date.DayOfWeek) / 7, 2),
        'W' => Number((date.DayOfYear + 6 - ((int)date.DayOfWeek + 6) % 7) / 7, 2),
        'V' => Number(ISOWeek.GetWeekOfYear(date), 2),
        'G' => Number(ISOWeek.GetYear(date), 4),
        'g' => Number(ISOWeek.GetYear(date) % 100, 2),
        'F' => Text(date, "yyyy-MM-dd"),
        'T' or 'X' => Text(date, "HH:mm:ss"),
        'R' => Text(date, "HH:mm"),
        'r' => Text(date, "hh:mm:ss tt"),
        'D' or 'x' => Text(date, "MM'/'dd'/'yy"),
        'c' => Text(date, "ddd MMM ") + Number(date.Day, 2, ' ') + Text(date, " HH:mm:ss yyyy"),
        'Z' or 'z' => "",
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        _ => throw rendering.Unsupported($"strftime_now: %{code}"),
    };

    private static string Number(int value, int width, char padding = '0') => value.ToString(CultureInfo.InvariantCulture).PadLeft(width, padding);

    private static string Text(DateTime date, string format) => date.ToString(format, CultureInfo.InvariantCulture);
}
