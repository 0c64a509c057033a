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
            OffloadDevice? first = devices.FirstOrDefault(device => device.Error is null);
            return first is null ? new DeviceChoice(plugin, [], WhyOf(plugin, devices, wish))
                : new DeviceChoice(plugin, Named(plugin, devices, wish) ?? [first], null);
        }

        var why = new List<string>();
        foreach (string path in OffloadPlugins.Find())
        {
            Plugin plugin;
            IReadOnlyList<OffloadDevice> devices;
            try
            {
                plugin = Plugin.Load(path);
                devices = plugin.Devices();
            }
            catch (EdgeLlmException e)
            {
                why.Add(e.Message);
                continue;
            }
            if (devices.FirstOrDefault(wish.TakesUnasked) is { } first) return new DeviceChoice(plugin, Named(plugin, devices, wish) ?? [first], null);
            why.Add(WhyOf(plugin, devices, wish));
        }
        return new DeviceChoice(null, [], why.Count > 0 ? string.Join("; ", why) : "there is no offload plug-in beside the program");
    }

    // Why none of a plug-in's devices is taken.
    private static string WhyOf(Plugin plugin, IReadOnlyList<OffloadDevice> devices, OffloadOptions wish)
    {
        if (devices.Count == 0) return $"{plugin.Name} finds no device";
        OffloadDevice[] broken = [.. devices.Where(device => device.Error is not null)];
        return broken.Length == 0 ? $"{plugin.Name} has no GPU{(wish.Exact ? " that gives the CPU's bits" : "")}"
            : string.Join("; ", broken.Select(device => $"device {device.Number}: {device.Error}"));
    }

    // Null: no number is named.
    private static OffloadDevice[]? Named(Plugin plugin, IReadOnlyList<OffloadDevice> devices, OffloadOptions wish)
    {
        if (wish.Devices.Count == 0) return null;
        foreach (int number in wish.Devices)
        {
            if (number >= devices.Count) throw new EdgeLlmException(ErrorCode.InvalidArgument, $"device {number}: {plugin.Name} has {devices.Count}");
            if (devices[number].Error is { } error) throw new EdgeLlmException(ErrorCode.PluginError, $"device {number}: {error}");
        }
        return [.. wish.Devices.Select(number => devices[number])];
    }
}
