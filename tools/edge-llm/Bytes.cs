using System.Globalization;

namespace Edge.Llm.Cli;

/// <summary>Numbers of bytes for people.</summary>
internal static class Bytes
{
    /// <summary>In units of 1000: 815 bytes, 2.4 kB, 4.68 GB.</summary>
    public static string Text(long bytes) => bytes switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:F1} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F2} GB"),
    };
}
