namespace Edge.Llm.Offload;

/// <summary>The plug-in and the devices that options mean.</summary>
/// <param name="Plugin">The plug-in; null: none.</param>
/// <param name="Devices">The devices.</param>
/// <param name="WhyNone">Why there are none; null: there are.</param>
internal sealed record DeviceChoice(Plugin? Plugin, OffloadDevice[] Devices, string? WhyNone)
{
    /// <summary>Chooses. A plug-in that is named must be of use; of those that are found, the first one with a GPU is taken.</summary>
    /// <exception cref="EdgeLlmException">PluginError. InvalidArgument: there is no device of a number.</exception>
    public static DeviceChoice Of(OffloadOptions wish)
    {
        if (wish.Plugin != OffloadOptions.Auto)
        {
            Plugin plugin = Plugin.Load(wish.Plugin);
            IReadOnlyList<OffloadDevice> devices = plugin.Devices();
            return devices.Count == 0 ? new DeviceChoice(plugin, [], $"{plugin.Name} finds no device") : new DeviceChoice(plugin, Named(plugin, devices, wish), null);
        }

        var why = new List<string>();
        foreach (string path in OffloadPlugins.Find())
        {
            try
            {
                Plugin plugin = Plugin.Load(path);
                IReadOnlyList<OffloadDevice> devices = plugin.Devices();
                if (devices.FirstOrDefault(wish.TakesUnasked) is { } first)
                    return new DeviceChoice(plugin, wish.Devices.Count > 0 ? Named(plugin, devices, wish) : [first], null);
                why.Add(devices.Count == 0 ? $"{plugin.Name} finds no device" : $"{plugin.Name} has no GPU that gives the CPU's bits");
            }
            catch (EdgeLlmException e)
            {
                why.Add(e.Message);
            }
        }
        return new DeviceChoice(null, [], why.Count > 0 ? string.Join("; ", why) : "there is no offload plug-in beside the program");
    }

    private static OffloadDevice[] Named(Plugin plugin, IReadOnlyList<OffloadDevice> devices, OffloadOptions wish) => wish.Devices.Count == 0
        ? [devices[0]]
        : [.. wish.Devices.Select(number => number < devices.Count
            ? devices[number]
            : throw new EdgeLlmException(ErrorCode.InvalidArgument, $"device {number}: {plugin.Name} has {devices.Count}"))];
}
