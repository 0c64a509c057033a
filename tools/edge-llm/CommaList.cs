using System.Text;

namespace Edge.Llm.Cli;

/// <summary>Several values in one text, as llama.cpp reads them.</summary>
internal static class CommaList
{
    /// <summary>What stands between the commas. In double quotes a comma is part of a value, and two quotes are one.</summary>
    public static IEnumerable<string> Split(string text)
    {
        var value = new StringBuilder();
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            if (quoted && text[i] == '"' && i + 1 < text.Length && text[i + 1] == '"') value.Append(text[++i]);
            else if (text[i] == '"') quoted = !quoted;
            else if (text[i] == ',' && !quoted)
            {
                yield return value.ToString();
                value.Clear();
            }
            else value.Append(text[i]);
        }
        yield return value.ToString();
    }
}
