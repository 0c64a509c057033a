using System.Diagnostics;
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

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60); // a driver compiles kernels

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
        string why = found.Length == 0 ? "there is no offload plug-in beside the program" : string.Join("; ", found.Select(probe => probe.Error ?? (probe.Devices.Count == 0 && probe.Log.Length > 0 ? $"{probe.Title}: {probe.Log}" : $"{probe.Title} has no GPU that can be used")));
        if (options.Layers > 0) throw new EdgeLlmException(ErrorCode.Unsupported, $"--n-gpu-layers {options.Layers}: {why}");
        options.Report?.Invoke(new OffloadReport([], why));
        return options with { Layers = 0 };
    }

    /// <summary>Asks a plug-in.</summary>
    public static PluginProbe Of(string path)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        if (System.IO.Path.GetFileNameWithoutExtension(start.FileName) == "dotnet") start.ArgumentList.Add(System.IO.Path.Combine(AppContext.BaseDirectory, "edge-llm.dll"));
        foreach (string argument in (string[])["devices", Option, path]) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            return new PluginProbe(path, "", [], "", $"{path}: the plug-in did not answer within {s_patience.TotalSeconds:0} seconds");
        }
        string text = output.Result, last = error.Result.Trim().Split('\n')[^1];
        if (process.ExitCode is not (0 or 1)) return new PluginProbe(path, "", [], "", $"{path}: the plug-in crashed when it was tried (exit {process.ExitCode}){(last.Length > 0 ? $": {last}" : "")}");
        try
        {
            return Read(path, text);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return new PluginProbe(path, "", [], "", $"{path}: the plug-in could not be tried: {(last.Length > 0 ? last : e.Message)}");
        }
    }

    /// <summary>Loads a plug-in into this process and writes what it says.</summary>
    public static void Answer(string path, Stream output)
    {
        using var json = new Utf8JsonWriter(output, Json.Compact);
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
        json.WriteEndObject();
    }

    private static PluginProbe Read(string path, string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        JsonElement root = document.RootElement;
        if (root.TryGetProperty("error", out JsonElement error)) return new PluginProbe(path, "", [], "", error.GetString());
        OffloadDevice[] devices = [.. root.GetProperty("devices").EnumerateArray().Select(device => new OffloadDevice(
            device.GetProperty("number").GetInt32(), device.GetProperty("name").GetString()!, device.GetProperty("driver").GetString()!,
            Enum.Parse<OffloadDeviceKind>(device.GetProperty("kind").GetString()!), device.GetProperty("total_bytes").GetInt64(),
            device.GetProperty("free_bytes").GetInt64(), device.GetProperty("exact").GetBoolean(), device.GetProperty("note").GetString()!))];
        return new PluginProbe(path, root.GetProperty("title").GetString()!, devices, root.GetProperty("log").GetString()!, null);
    }
}
