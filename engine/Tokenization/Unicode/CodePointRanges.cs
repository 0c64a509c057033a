using System.Globalization;

namespace Edge.Llm.Tokenization;

/// <summary>A set of code points, written as ascending ranges in hexadecimal: <c>"41-5A 61-7A AA"</c>.</summary>
internal sealed class CodePointRanges
{
    private readonly int[] _ends; // first and last of each range

    public CodePointRanges(string ranges) => _ends = [.. ranges.Split(' ').SelectMany(Ends)];

    public bool Contains(int codePoint)
    {
        int place = Array.BinarySearch(_ends, codePoint);
        return place >= 0 || (~place & 1) != 0; // an end, or behind a first and before a last
    }

    /// <summary>All of them, in ascending order.</summary>
    public IEnumerable<int> All() => _ends.Chunk(2).SelectMany(range => Enumerable.Range(range[0], range[1] - range[0] + 1));

    private static int[] Ends(string range)
    {
        int[] ends = [.. range.Split('-').Select(end => int.Parse(end, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))];
        return [ends[0], ends[^1]];
    }
}
