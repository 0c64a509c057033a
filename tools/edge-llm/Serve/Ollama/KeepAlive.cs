using System.Buffers;
using System.Globalization;
using Edge.Llm.Cli.Serve.Wire;

namespace Edge.Llm.Cli.Serve.Ollama;

/// <summary>Reads <c>keep_alive</c>: how long a model stays in memory after a request. It is a number of seconds, or a duration as Go writes it:
/// "1h30m". Below zero: without end.</summary>
internal static class KeepAlive
{
    private static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789.");
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(10_000), s_endless = TimeSpan.FromSeconds(-1);

    public static TimeSpan Read(Field given)
    {
        if (!given.IsText) return Of(given.Number());
        double seconds = 0;
        ReadOnlySpan<char> text = given.Text(100).AsSpan().Trim();
        bool isNegative = text.StartsWith("-");
        ReadOnlySpan<char> rest = text.TrimStart("+-");
        if (rest is "0") return TimeSpan.Zero;
        if (rest.IsEmpty) throw Wrong(given);
        while (!rest.IsEmpty)
        {
            int digits = rest.IndexOfAnyExcept(s_digits);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)) throw Wrong(given);
            rest = rest[digits..];
            int letters = rest.IndexOfAny(s_digits) is >= 0 and var next ? next : rest.Length;
            seconds += value * (SecondsOf(rest[..letters]) ?? throw Wrong(given));
            rest = rest[letters..];
        }
        return Of(isNegative ? -seconds : seconds);
    }

    private static TimeSpan Of(double seconds) => seconds < 0 ? s_endless : seconds > s_longest.TotalSeconds ? s_longest : TimeSpan.FromSeconds(seconds);

    private static double? SecondsOf(ReadOnlySpan<char> unit) => unit switch
    {
        "h" => 3600, "m" => 60, "s" => 1, "ms" => 1e-3, "us" or "µs" => 1e-6, "ns" => 1e-9, _ => null,
    };

    private static ApiException Wrong(Field given) => given.Error("expected a number of seconds or a duration such as \"5m\"");
}
