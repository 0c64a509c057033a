using System.Globalization;

namespace Edge.Llm.Gguf;

/// <summary>Models split over several files, named <c>x-00001-of-00003.gguf</c> and numbered from 0 inside.</summary>
internal static class GgufSplit
{
    /// <summary>The part's number, from 0.</summary>
    public const string NumberKey = "split.no";

    /// <summary>How many parts there are.</summary>
    public const string CountKey = "split.count";

    /// <summary>How many tensors all parts have together.</summary>
    public const string TensorsKey = "split.tensors.count";

    /// <summary>Path of a part, counted from 0.</summary>
    public static string PartPath(string prefix, int number, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}-{number + 1:D5}-of-{count:D5}.gguf");

    /// <summary>Opens the part at a path and all that belong to it, first to last.</summary>
    public static List<GgufPart> OpenParts(string path, Func<string, GgufPart> open)
    {
        GgufPart given = open(path);
        var parts = new List<GgufPart>();
        try
        {
            int count = Count(given);
            if (count == 1) return [given];

            int number = Number(given);
            string suffix = PartPath("", number, count);
            if (!path.EndsWith(suffix, StringComparison.Ordinal))
                throw Invalid(given, $"part {number + 1} of {count}: expected a name ending in {suffix}");
            string prefix = path[..^suffix.Length];
            for (int i = 0; i < count; i++)
                parts.Add(i == number ? given : open(PartPath(prefix, i, count)));
            return parts;
        }
        catch
        {
            given.File.Dispose();
            foreach (GgufPart part in parts) part.File.Dispose();
            throw;
        }
    }

    /// <summary>Checks that parts are all there, in order, with the promised number of tensors.</summary>
    public static void Check(List<GgufPart> parts)
    {
        for (int i = 0; i < parts.Count; i++)
        {
            if (Count(parts[i]) != parts.Count) throw Invalid(parts[i], $"key {CountKey}: expected {parts.Count}, found {Count(parts[i])}");
            if (parts.Count > 1 && Number(parts[i]) != i) throw Invalid(parts[i], $"key {NumberKey}: expected {i}, found {Number(parts[i])}");
        }
        if (parts.Count == 1) return;
        int found = parts.Sum(part => part.Tensors.Count);
        int promised = parts[0].Metadata.GetInt32(TensorsKey);
        if (found != promised) throw Invalid(parts[0], $"key {TensorsKey}: {promised} tensors promised, {found} found in {parts.Count} parts");
    }

    private static int Count(GgufPart part)
    {
        int count = part.Metadata.GetInt32(CountKey, 1);
        if (count is < 0 or > ushort.MaxValue) throw Invalid(part, $"key {CountKey}: expected 1 to {ushort.MaxValue}, found {count}");
        return Math.Max(count, 1); // a file that was merged again has 0
    }

    private static int Number(GgufPart part)
    {
        int number = part.Metadata.GetInt32(NumberKey);
        if (number < 0 || number >= Count(part)) throw Invalid(part, $"key {NumberKey}: expected 0 to {Count(part) - 1}, found {number}");
        return number;
    }

    private static EdgeLlmException Invalid(GgufPart part, string message) => new(ErrorCode.InvalidFile, $"{part.File.Path}: {message}");
}
