using System.Text;
using System.Text.Json;

namespace Edge.Llm.Answers;

/// <summary>Values that are no text, as models write them between tags: JSON, or what Python prints.</summary>
internal static class LooseValue
{
    /// <summary>The value as JSON; a text if it is neither.</summary>
    public static string ToJson(string value)
    {
        string trimmed = value.Trim();
        if (IsJson(trimmed)) return trimmed;
        string converted = FromPython(trimmed);
        return IsJson(converted) ? converted : AnswerJson.Quoted(value);
    }

    private static bool IsJson(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return true;
        }
        catch (Exception e) when (e is JsonException or ArgumentException) // half a surrogate pair
        {
            return false;
        }
    }

    private static string FromPython(string text)
    {
        var json = new StringBuilder(text.Length + 16);
        for (int i = 0; i < text.Length;)
        {
            char c = text[i];
            if (c is '\'' or '"') i = AddText(text, i, json);
            else if (char.IsAsciiLetter(c))
            {
                int start = i;
                while (i < text.Length && char.IsAsciiLetter(text[i])) i++;
                string word = text[start..i];
                json.Append(word switch { "True" => "true", "False" => "false", "None" => "null", _ => word });
            }
            else
            {
                json.Append(c);
                i++;
            }
        }
        return json.ToString();
    }

    // A text in either kind of quotes; the place behind it.
    private static int AddText(string text, int at, StringBuilder json)
    {
        char quote = text[at++];
        json.Append('"');
        for (; at < text.Length && text[at] != quote; at++)
        {
            if (text[at] == '\\' && at + 1 < text.Length)
            {
                if (text[++at] != '\'') json.Append('\\');
                json.Append(text[at]);
            }
            else if (text[at] == '"') json.Append("\\\"");
            else json.Append(text[at]);
        }
        json.Append('"');
        return at + 1;
    }
}
