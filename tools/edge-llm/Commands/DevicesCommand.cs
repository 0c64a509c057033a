using System.CommandLine;
using System.Text.Json;
using Edge.Llm.Cli.Devices;

namespace Edge.Llm.Cli.Commands;

/// <summary>The plug-ins that run layers on devices, and these devices.</summary>
internal static class DevicesCommand
{
    public static Command Make()
    {
        Option<bool> json = Opt.Flag("--json", "Print JSON.");
        Option<string?> plugin = Opt.Text("--offload", [], "A plug-in, or a folder of them; by default those beside the program.", "PATH");
        Option<string?> probe = Opt.Text(PluginProbe.Option, [], "", "PATH");
        probe.Hidden = true;
        var command = new CommandWithExamples("devices", "Lists the offload plug-ins and their devices. Each is tried in a process of its own.",
            "--json", "--offload ./libedge_llm_offload_reference.so") { plugin, json, probe };
        command.SetAction(parsed =>
        {
            using var output = new Output();
            if (parsed.GetValue(probe) is { } path)
            {
                PluginProbe.Answer(path, output);
                return Failure.Ok;
            }
            IReadOnlyList<string> paths = parsed.GetValue(plugin) is not { } place ? OffloadPlugins.Find() : OffloadPlugins.Find(place);
            if (paths.Count == 0 && parsed.GetValue(plugin) is { } none) throw new UsageException($"--offload: there is no plug-in at {none}");
            PluginProbe[] probes = [.. paths.Select(PluginProbe.Of)];
            if (parsed.GetValue(json)) WriteJson(probes, output);
            else WriteText(probes, output);
            return Failure.Ok;
        });
        return command;
    }

    private static void WriteText(PluginProbe[] probes, Output output)
    {
        if (probes.Length == 0) output.WriteLine("no offload plug-in beside the program: all layers run on the CPU");
        foreach (PluginProbe probe in probes)
        {
            Write(probe.Error ?? $"{probe.Title} ({probe.Path})");
            if (probe.Error is null && probe.Devices.Count == 0) Write(probe.Log.Length == 0 ? "  no device" : $"  no device: {probe.Log}");
            foreach (OffloadDevice device in probe.Devices) Write($"  {device.Number}  {Text(device)}");
        }

        void Write(string line) => output.WriteLine(Failure.OneLine(line));
    }

    private static string Text(OffloadDevice device)
    {
        if (device.Error is { } error) return $"cannot be used: {error}";
        string free = device.FreeBytes == 0 ? "" : $"{device.FreeBytes >> 20} MiB free of ";
        string memory = device.TotalBytes == 0 ? "" : $", {free}{device.TotalBytes >> 20} MiB";
        string exact = device.IsExact ? "the CPU's own bits" : $"not exact{(device.Note.Length > 0 ? $" ({device.Note})" : "")}";
        return $"{device.Name}, {device.Kind}, {device.Driver}{memory}, {exact}";
    }

    private static void WriteJson(PluginProbe[] probes, Output output)
    {
        using var json = new Utf8JsonWriter(output, Json.Compact);
        json.WriteStartArray();
        foreach (PluginProbe probe in probes)
        {
            json.WriteStartObject();
            json.WriteString("path", probe.Path);
            if (probe.Error is { } error) json.WriteString("error", error);
            else json.WriteString("plugin", probe.Title);
            json.WriteStartArray("devices");
            foreach (OffloadDevice device in probe.Devices) PluginProbe.Write(json, device);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.Flush();
        output.WriteLine();
    }
}
