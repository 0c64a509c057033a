using System.Text.Json;

namespace Edge.Llm.Cli.Devices;

/// <summary>What a plug-in says when it is loaded into a process of its own: one that crashes takes only that process with it.</summary>
/// <param name="Path">The library.</param>
/// <param name="Title">Its name and version.</param>
/// <param name="Devices">Its devices.</param>
/// <param name="Log">What it logged; empty: nothing.</param>
/// <param name="Error">Why it is of no use; null: it is.</param>
internal sealed record PluginProbe(string Path, string Title, IReadOnlyList<OffloadDevice> Devices, string Log, string? Error)
{
    /// <summary>The hidden option of edge-llm devices with which the process is started.</summary>
    public const string Option = "--probe";

    /// <summary>Puts a plug-in that works in the place of <see cref="OffloadOptions.Auto"/>, and checks one that is named.</summary>
    /// <exception cref="EdgeLlmException">PluginError: the one that is named is of no use. Unsupported: layers are asked for, and none works.</exception>
    public static OffloadOptions Choose(OffloadOptions options)
    {
        if (options.Plugin != OffloadOptions.Auto)
        {
            PluginProbe named = Of(options.Plugin);
            return named.Error is null ? options : throw new EdgeLlmException(ErrorCode.PluginError, named.Error);
        }
        PluginProbe[] found = [.. OffloadPlugins.Find().Select(Of)];
        foreach (PluginProbe probe in found)
            if (probe.Devices.FirstOrDefault(options.TakesUnasked) is { } first)
                return options with { Plugin = probe.Path, Devices = options.Devices.Count > 0 ? options.Devices : [first.Number] };
        string why = found.Length == 0 ? "there is no offload plug-in beside the program" : string.Join("; ", found.Select(WhyNone));
        if (options.Layers > 0) throw new EdgeLlmException(ErrorCode.Unsupported, $"--n-gpu-layers {options.Layers}: {why}");
        options.Report?.Invoke(new OffloadReport([], why));
        return options with { Layers = 0 };
    }

    /// <summary>Asks a plug-in.</summary>
    public static PluginProbe Of(string path)
    {
        ProbeProcess process = ProbeProcess.Run(path);
        string last = process.LastError;
        if (process.ExitCode is not { } code) return Failed($"the plug-in did not answer within {ProbeProcess.Patience.TotalSeconds:0} seconds");
        if (code is not (0 or 1 or 2)) return Failed($"the plug-in crashed when it was tried (exit {code}){(last.Length > 0 ? $": {last}" : "")}");
        try
        {
            if (process.Answer is { } answer) return Read(path, answer);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException)
        {
            if (last.Length == 0) last = e.Message;
        }
        return Failed($"the plug-in could not be tried: {(last.Length > 0 ? last : "it ended without an answer")}");

        PluginProbe Failed(string why) => new(path, "", [], "", $"{path}: {why}");
    }

    /// <summary>Loads a plug-in into this process and writes what it says.</summary>
    public static void Answer(string path, Stream output)
    {
        using var answer = new MemoryStream();
        Write(path, answer);
        ProbeProcess.Write(output, answer.GetBuffer().AsSpan(0, (int)answer.Length));
    }

    private static void Write(string path, Stream answer)
    {
        using var json = new Utf8JsonWriter(answer, Json.Compact);
        json.WriteStartObject();
        string log = "";
        OffloadPlugins.Log = (level, text) => log = level <= 3 ? text : log; // the last word
        try
        {
            IReadOnlyList<OffloadDevice> devices = OffloadPlugins.Devices(path);
            json.WriteString("title", OffloadPlugins.Describe(path));
            json.WriteStartArray("devices");
            foreach (OffloadDevice device in devices) Write(json, device);
            json.WriteEndArray();
            json.WriteString("log", log);
        }
        catch (EdgeLlmException e)
        {
            json.WriteString("error", e.Message);
        }
        json.WriteEndObject();
    }

    /// <summary>Writes a device.</summary>
    public static void Write(Utf8JsonWriter json, OffloadDevice device)
    {
        json.WriteStartObject();
        json.WriteNumber("number", device.Number);
        json.WriteString("name", device.Name);
        json.WriteString("driver", device.Driver);
        json.WriteString("kind", device.Kind.ToString());
        json.WriteNumber("total_bytes", device.TotalBytes);
        json.WriteNumber("free_bytes", device.FreeBytes);
        json.WriteBoolean("exact", device.IsExact);
        json.WriteString("note", device.Note);
        if (device.Error is { } error) json.WriteString("error", error);
        json.WriteEndObject();
    }

    private static PluginProbe Read(string path, string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        JsonElement root = document.RootElement;
        if (root.TryGetProperty("error", out JsonElement error)) return new PluginProbe(path, "", [], "", error.GetString());
        OffloadDevice[] devices = [.. root.GetProperty("devices").EnumerateArray().Select(ReadDevice)];
        return new PluginProbe(path, root.GetProperty("title").GetString()!, devices, root.GetProperty("log").GetString()!, null);
    }

    private static OffloadDevice ReadDevice(JsonElement device)
    {
        string Text(string name) => device.GetProperty(name).GetString()!;
        return new OffloadDevice(device.GetProperty("number").GetInt32(), Text("name"), Text("driver"), Enum.Parse<OffloadDeviceKind>(Text("kind")),
            device.GetProperty("total_bytes").GetInt64(), device.GetProperty("free_bytes").GetInt64(), device.GetProperty("exact").GetBoolean(), Text("note"))
        {
            Error = device.TryGetProperty("error", out JsonElement error) ? error.GetString() : null,
        };
    }

    private static string WhyNone(PluginProbe probe)
    {
        if (probe.Error is { } error) return error;
        if (probe.Devices.Count == 0 && probe.Log.Length > 0) return $"{probe.Title}: {probe.Log}";
        string broken = string.Join("; ", probe.Devices.Where(device => device.Error is not null).Select(device => $"device {device.Number}: {device.Error}"));
        return broken.Length > 0 ? broken : $"{probe.Title} has no GPU that can be used";
    }
}
