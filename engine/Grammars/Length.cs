namespace Edge.Llm.Grammars;

/// <summary>Arithmetic on shortest lengths in bytes: sums that stay below <see cref="Infinite"/>, which stands for nothing that matches.</summary>
internal static class Length
{
    public const long Infinite = 1L << 61;

    private const long Longest = 1L << 60;

    public static long Add(long a, long b) => a >= Infinite || b >= Infinite ? Infinite : Math.Min(a + b, Longest);

    public static long Times(long a, int count) => count == 0 ? 0 : a >= Infinite ? Infinite : a > Longest / count ? Longest : a * count;
}
