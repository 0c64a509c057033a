using System.Globalization;
using System.Text;

namespace Edge.Llm.Cli.Models;

/// <summary>Names of models: what a file may be called on every system, without its folder and ending.</summary>
internal static class ModelName
{
    public const string Ending = ".gguf", Letters = "letters, digits and . _ - +";
    private const int MaxLength = 200; // a file's name has 255 bytes at most, and a part's number and the ending follow

    /// <summary>Letters and digits of ASCII, and . _ - + behind the first character.</summary>
    public static bool IsValid(string name) =>
        name.Length is > 0 and <= MaxLength && char.IsAsciiLetterOrDigit(name[0]) && name.All(IsAllowed);

    /// <summary>The name for a file of whatever name; what may not be in it becomes a hyphen.</summary>
    public static string Of(string fileName)
    {
        string last = WithoutEnding(fileName[(fileName.LastIndexOfAny(['/', '\\']) + 1)..]);
        string whole = Part(last) is { } part ? part.Name : last;
        var name = new StringBuilder();
        foreach (char c in whole)
            if (IsAllowed(c) && (name.Length > 0 || char.IsAsciiLetterOrDigit(c))) name.Append(c);
            else if (name.Length > 0 && name[^1] != '-') name.Append('-');
        name.Length = Math.Min(name.Length, MaxLength);
        string trimmed = name.ToString().TrimEnd('-', '.');
        return trimmed.Length > 0 ? trimmed : "model";
    }

    /// <summary>A file's name without .gguf.</summary>
    public static string WithoutEnding(string fileName) =>
        fileName.EndsWith(Ending, StringComparison.OrdinalIgnoreCase) ? fileName[..^Ending.Length] : fileName;

    /// <summary>What a name without its ending says of a part of a split model, <c>x-00001-of-00003</c>; null: it is whole.</summary>
    public static (string Name, int Number, int Count)? Part(string name)
    {
        const int Numbers = 15; // characters of -00001-of-00003
        const string Of = "-of-";
        if (name.Length <= Numbers || name[^Numbers] != '-' || name[^9..^5] != Of) return null;
        return Digits(name[^14..^9]) is { } number && Digits(name[^5..]) is { } count && number >= 1 && number <= count
            ? (name[..^Numbers], number, count) : null;
    }

    private static int? Digits(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;

    private static bool IsAllowed(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '+';
}
