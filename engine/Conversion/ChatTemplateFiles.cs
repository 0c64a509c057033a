using System.Text.Json;

namespace Edge.Llm.Conversion;

/// <summary>The chat templates of a folder: files of their own, else a text in tokenizer_config.json, or a list of named ones there, of
/// which "default" is the main one.</summary>
internal static class ChatTemplateFiles
{
    private const string Main = "default", Extension = ".jinja";

    private static readonly KeyTable s_file = new("chat_template"), s_named = new("name template");

    /// <summary>Writes the keys.</summary>
    /// <exception cref="EdgeLlmException">InvalidFile, Unsupported.</exception>
    public static void Write(HfFolder folder, GgufWriter writer)
    {
        var templates = new SortedDictionary<string, string>(StringComparer.Ordinal);
        AddFiles(folder, templates);
        if (!templates.ContainsKey(Main)) AddSettings(folder, templates);
        if (templates.Remove(Main, out string? main)) writer.AddMetadata("tokenizer.chat_template", main);
        if (templates.Count == 0) return;
        writer.AddMetadata("tokenizer.chat_templates", [.. templates.Keys]);
        foreach ((string name, string template) in templates) writer.AddMetadata($"tokenizer.chat_template.{name}", template);
    }

    private static void AddFiles(HfFolder folder, SortedDictionary<string, string> templates)
    {
        const string Others = "additional_chat_templates";
        if (folder.ReadText("chat_template.jinja") is { } main) templates[Main] = main;
        else if (CheckedJson.LoadIfThere(folder.In("chat_template.json")) is { } json)
        {
            s_file.Check(json);
            templates[Main] = json.Text("chat_template") ?? throw json.Invalid("missing key chat_template");
        }
        if (!Directory.Exists(folder.In(Others))) return;
        foreach (string path in Directory.EnumerateFiles(folder.In(Others), "*" + Extension))
            if (folder.ReadText(path) is { } text) templates.TryAdd(Path.GetFileNameWithoutExtension(path), text);
    }

    private static void AddSettings(HfFolder folder, SortedDictionary<string, string> templates)
    {
        if (folder.TokenizerConfig is not { } settings || !settings.TryGet("chat_template", out JsonElement value)) return;
        if (value.ValueKind != JsonValueKind.Array)
        {
            templates[Main] = settings.Text("chat_template", value);
            return;
        }
        foreach (JsonElement element in value.EnumerateArray())
        {
            CheckedJson item = settings.Item("chat_template", element);
            s_named.Check(item);
            string name = item.Text("name") ?? throw item.Invalid("missing key name");
            string text = item.Text("template") ?? throw item.Invalid("missing key template");
            if (!templates.TryAdd(name, text) && templates[name] != text) throw item.Invalid($"two templates '{name}'");
        }
    }
}
