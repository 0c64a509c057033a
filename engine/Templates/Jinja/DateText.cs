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
            bool unpadded = format[i + 1] == '-' && i + 2 < format.Length;
            i += unpadded ? 2 : 1;
            string field = Field(rendering, date, format[i]);
            text.Append(unpadded && field.Length > 1 ? field.TrimStart('0') is { Length: > 0 } trimmed ? trimmed : "0" : field);
        }
        return text.ToString();
    }

    private static string Field(Rendering rendering, DateTime date, char code) => code switch
    {
        'Y' => Text(date, "yyyy"),
        'y' => Text(date, "yy"),
        'm' => Text(date, "MM"),
        'd' => Text(date, "dd"),
        'e' => date.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'H' => Text(date, "HH"),
        'I' => Text(date, "hh"),
        'M' => Text(date, "mm"),
        'S' => Text(date, "ss"),
        'f' => Text(date, "ffffff"),
        'p' => Text(date, "tt"),
        'A' => Text(date, "dddd"),
        'a' => Text(date, "ddd"),
        'B' => Text(date, "MMMM"),
        'b' or 'h' => Text(date, "MMM"),
        'j' => date.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
        'F' => Text(date, "yyyy-MM-dd"),
        'T' => Text(date, "HH:mm:ss"),
        'D' => Text(date, "MM'/'dd'/'yy"),
        'c' => Text(date, "ddd MMM ") + Field(rendering, date, 'e') + Text(date, " HH:mm:ss yyyy"),
        'Z' or 'z' => "",
        '%' => "%",
        _ => throw rendering.Unsupported($"strftime_now: %{code}"),
    };

    private static string Text(DateTime date, string format) => date.ToString(format, CultureInfo.InvariantCulture);
}
