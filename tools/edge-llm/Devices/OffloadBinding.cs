using System.CommandLine;
using System.Globalization;

namespace Edge.Llm.Cli.Devices;

/// <summary>The options for layers that run on a device.</summary>
internal sealed class OffloadBinding
{
    private const int Information = 3; // a level of plug-ins' logs

    private readonly Option<int> _layers = Opt.Integer("--n-gpu-layers", ["-ngl", "--gpu-layers"],
        "Layers for a device, the last ones; the output matrix is one more, the first to go. -1: as many as fit. By default 0; with --offload, -1.", null, -1);

    private readonly Option<string?> _plugin = Opt.Text("--offload", [], "The plug-in that runs them, or auto: one with a GPU, beside the program.", "PATH|auto");
    private readonly Option<bool> _noKqv = Opt.Flag("--no-offload-kqv",
        "Their keys and values stay in the host's memory, and so does attention.", "-nkvo", "--no-kv-offload");

    private readonly Option<string?> _devices = Opt.Text("--offload-devices", ["-dev"],
        "Numbers of devices, as edge-llm devices shows them, separated by commas.", "N,N");

    private readonly Option<string?> _split = Opt.Text("--offload-split", ["-ts", "--tensor-split"], "Shares of the layers for each of these devices.", "X,X");
    private readonly Option<bool> _inexact = Opt.Flag("--offload-inexact", "Take a device as well that does not give the CPU's own bits.");

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_layers, _plugin, _noKqv, _devices, _split, _inexact]) command.Add(option);
    }

    /// <summary>What is asked for; null: all layers run on the CPU. Plug-ins are tried in a process of their own first.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="say">Is told, a line at a time, what became of it, and what plug-ins log.</param>
    public OffloadOptions? Get(ParseResult parsed, Action<string> say)
    {
        string? plugin = parsed.GetValue(_plugin);
        int layers = parsed.GetResult(_layers) is not null ? parsed.GetValue(_layers) : plugin is null ? 0 : -1;
        if (layers == 0) return null;
        OffloadPlugins.Log = (level, text) =>
        {
            if (level <= Information) say(Failure.OneLine($"plug-in: {text}"));
        };
        var options = new OffloadOptions
        {
            Layers = layers, Kqv = !parsed.GetValue(_noKqv), Exact = !parsed.GetValue(_inexact),
            Devices = [.. Numbers(parsed, _devices).Select(number => number == Math.Floor(number) ? (int)number : throw Wrong(_devices, "numbers of devices"))],
            Split = Numbers(parsed, _split),
            Report = report =>
            {
                foreach (string line in report.Lines()) say(Failure.OneLine(line));
            },
            Lost = line => say(Failure.OneLine(line)),
        };
        return PluginProbe.Choose(options with { Plugin = plugin ?? OffloadOptions.Auto });
    }

    private static double[] Numbers(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is not { } text ? [] :
        [.. CommaList.Split(text).Select(part => Number(part) ?? throw Wrong(option, "numbers, separated by commas"))];

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number < int.MaxValue ? number : null;

    private static UsageException Wrong(Option option, string expected) => new($"{option.Name}: expected {expected}");
}
