using System.CommandLine;
using System.Globalization;
using Edge.Llm.Cli.Models;

namespace Edge.Llm.Cli;

/// <summary>The options for LoRA adapters, as llama.cpp has them.</summary>
internal sealed class AdapterOptionsBinding
{
    private readonly Option<string[]> _plain = new("--lora")
    {
        Description = "Apply a LoRA adapter, a GGUF file; may be repeated, or name several with commas between.", HelpName = "FILE[:SCALE]",
    };

    private readonly Option<string[]> _scaled = new("--lora-scaled")
    {
        Description = "The same with a factor on what it adds.", HelpName = "FILE:SCALE",
    };

    public void AddTo(Command command)
    {
        command.Add(_plain);
        command.Add(_scaled);
    }

    /// <summary>Loads the adapters that are named.</summary>
    public AdapterScale[] Load(ParseResult parsed, LanguageModel model)
    {
        (string File, float Scale)[] named =
        [
            .. (parsed.GetValue(_plain) ?? []).SelectMany(CommaList.Split).Select(text => File.Exists(text) ? (text, 1f) : Split(text) ?? (text, 1f)),
            .. (parsed.GetValue(_scaled) ?? []).SelectMany(CommaList.Split).Select(
                text => Split(text) ?? throw new UsageException($"--lora-scaled: expected FILE:SCALE, found '{text}'")),
        ];
        return Array.ConvertAll(named, adapter => new AdapterScale(model.LoadAdapter(ModelFolder.Resolve(parsed, adapter.File)), adapter.Scale));
    }

    /// <summary>A file's name and the scale behind its last colon, or null where no number stands there.</summary>
    public static (string File, float Scale)? Split(string text)
    {
        int colon = text.LastIndexOf(':');
        return colon > 0 && float.TryParse(text.AsSpan(colon + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out float scale)
            ? (text[..colon], scale) : null;
    }
}
