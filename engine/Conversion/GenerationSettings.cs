using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>Settings of sampling in generation_config.json, or config.json in older folders.</summary>
internal static class GenerationSettings
{
    private static readonly HashSet<string> s_keys = [.. KnownKeys.Sampling.Split(' ')];

    /// <summary>A line about them, or null: a GGUF file has no place for them.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile.</exception>
    public static string? Notice(HfFolder folder)
    {
        string[] said = [.. ((CheckedJson?[])[folder.Config, folder.Generation]).SelectMany(Said).Distinct()];
        return said.Length == 0 ? null : $"settings of generation are not part of a GGUF file: {string.Join(", ", said)}";
    }

    private static IEnumerable<string> Said(CheckedJson? json)
    {
        if (json is not { } given) yield break;
        foreach (JsonProperty member in given.Element.EnumerateObject())
            if (member.Value.ValueKind != JsonValueKind.Null && s_keys.Contains(given.Name(member)))
                yield return $"{member.Name} {CheckedJson.Kind(member.Value)}";
    }
}
