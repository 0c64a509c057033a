using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Native;

/// <summary>The offload plug-ins' own checks, which build them and compare them with a definition in C. Each keeps one core busy, so all begin when
/// the first is asked for.</summary>
internal static class PluginChecks
{
    private const int ToolIsMissing = 77;

    private static readonly string s_plugins = Path.Combine(NativeLibrary.Root, "native-exports", "plugins");

    private static readonly Lazy<Dictionary<string, Task<NativeLibrary.Result>>> s_results = new(() =>
        ((string[])["cuda", "vulkan", "reference", "metal"]).ToDictionary(plugin => plugin, plugin => Task.Run(() => NativeLibrary.Run(
            Path.Combine(s_plugins, plugin, "check"), [FolderOf(plugin)], "", ("EDGE_LLM_FULL", Settings.Full ? "1" : "")))));

    /// <summary>The folder that a plug-in's check has built it into. The check must have passed.</summary>
    public static string Folder(string plugin)
    {
        if (!OperatingSystem.IsLinux()) Assert.Inconclusive("the native tests are for Linux");
        NativeLibrary.Result result = s_results.Value[plugin].GetAwaiter().GetResult();
        if (result.ExitCode == ToolIsMissing) Assert.Inconclusive(result.Output + result.Error);
        Assert.AreEqual(0, result.ExitCode, $"{result.Output}\n{result.Error}");
        StringAssert.Matches(result.Output, new(@"\d+ checks passed\s*$"), result.Error);
        return FolderOf(plugin);
    }

    /// <summary>Waits for the checks that have begun: no program outlives the tests.</summary>
    public static void Wait()
    {
        if (s_results.IsValueCreated) Task.WhenAll(s_results.Value.Values).ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
    }

    private static string FolderOf(string plugin) => Path.Combine(NativeLibrary.Scratch, "plugins", plugin);
}
