namespace Edge.Llm;

/// <summary>The plug-ins that run layers on devices.</summary>
public static class OffloadPlugins
{
    /// <summary>Names a plug-in or a folder of them, in place of <see cref="Folder"/>.</summary>
    public const string Variable = "EDGE_LLM_OFFLOAD";

    /// <summary>Is given what plug-ins log: a level, 1 (error) to 4 (debug), and a text; on any thread.</summary>
    public static Action<int, string>? Log
    {
        get => Offload.PluginHost.Log;
        set => Offload.PluginHost.Log = value;
    }

    private const string Prefix = "edge_llm_offload_";

    /// <summary>Where plug-ins are looked for: the program's folder, or that of the C library.</summary>
    public static string Folder { get; set; } = AppContext.BaseDirectory;

    /// <summary>The plug-ins in <see cref="Folder"/>, or where the variable EDGE_LLM_OFFLOAD says: libraries whose names begin with
    /// (lib)edge_llm_offload_.</summary>
    public static IReadOnlyList<string> Find() => Find(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : Folder);

    /// <summary>The devices of a plug-in. It is loaded into this process: one that crashes then takes the process with it.</summary>
    /// <exception cref="EdgeLlmException">PluginError: it cannot be loaded, or is of another version.</exception>
    public static IReadOnlyList<OffloadDevice> Devices(string path) => Offload.Plugin.Load(path).Devices();

    /// <summary>Name and version of a plug-in.</summary>
    /// <exception cref="EdgeLlmException">As with <see cref="Devices"/>.</exception>
    public static string Describe(string path) => Offload.Plugin.Load(path).Title;

    /// <summary>The plug-ins of a folder, or the one that is named.</summary>
    public static IReadOnlyList<string> Find(string place)
    {
        ArgumentNullException.ThrowIfNull(place);
        if (File.Exists(place)) return [Path.GetFullPath(place)];
        if (!Directory.Exists(place)) return [];
        string extension = OperatingSystem.IsWindows() ? ".dll" : OperatingSystem.IsMacOS() ? ".dylib" : ".so";
        string start = OperatingSystem.IsWindows() ? Prefix : "lib" + Prefix;
        return [.. Directory.EnumerateFiles(place, start + "*" + extension).Select(Path.GetFullPath).Order(StringComparer.Ordinal)];
    }
}
