using System.CommandLine;

namespace Edge.Llm.Cli;

/// <summary>The option --override-kv, which puts values in the place of a file's metadata.</summary>
internal static class OverrideOption
{
    public static Option<string[]> Make() => new("--override-kv")
    {
        Description = "Use a value in the place of the file's metadata, as in llama.rope.freq_base=float:1e6 (int, float, bool or str); may be repeated, "
            + "or give several with commas between.",
        HelpName = "KEY=TYPE:VALUE",
    };

    /// <summary>The values given.</summary>
    public static IReadOnlyList<MetadataOverride> Get(ParseResult parsed, Option<string[]> option)
    {
        try
        {
            return [.. (parsed.GetValue(option) ?? []).SelectMany(CommaList.Split).Select(MetadataOverride.Parse)];
        }
        catch (EdgeLlmException e)
        {
            throw new UsageException($"--override-kv: {e.Message}");
        }
    }
}
