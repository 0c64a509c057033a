using System.Text.RegularExpressions;

namespace Edge.Llm.Tests.Architecture;

/// <summary>Links of a Markdown page that point to nothing.</summary>
internal static partial class MarkdownLinks
{
    /// <summary>The targets of relative links whose file, folder or heading does not exist.</summary>
    public static IEnumerable<string> Broken(string file, string text)
    {
        foreach (Match link in Link().Matches(Code().Replace(text, "")))
        {
            string target = link.Groups[1].Value;
            if (target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal)) continue;
            string[] parts = target.Split('#', 2);
            bool here = parts[0] == "";
            string path = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, parts[0]));
            bool found = (here || Path.Exists(path)) && (parts.Length == 1 || Anchors(here ? text : File.ReadAllText(path)).Contains(parts[1]));
            if (!found) yield return target;
        }
    }

    private static IEnumerable<string> Anchors(string text) => Heading().Matches(Code().Replace(text, "")).Select(heading =>
        string.Concat(heading.Groups[1].Value.ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')).Replace(' ', '-'));

    [GeneratedRegex(@"\]\(\s*<?([^)\s>]+)[^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ +(.*?)\s*$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    /// <summary>Blocks between fences.</summary>
    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();
}
