namespace Edge.Llm.Tests.Native;

/// <summary>The Vulkan plug-in on Mesa's software device: its own tests of kernels, models, faults and the validation layer; and a whole model
/// through the engine.</summary>
[TestClass]
public sealed class VulkanPluginTests
{
    // The folder it was built into, by its check, which must pass.
    private static readonly Lazy<string> s_checked = new(() =>
    {
        if (!OperatingSystem.IsLinux()) Assert.Inconclusive("the native tests are for Linux");
        string folder = Path.Combine(NativeLibrary.Scratch, "vulkan");
        NativeLibrary.Result result = NativeLibrary.Run(Path.Combine(NativeLibrary.Root, "native-exports", "plugins", "vulkan", "check"), [folder], "");
        if (result.ExitCode == 77) Assert.Inconclusive(result.Output);
        Assert.AreEqual(0, result.ExitCode, $"{result.Output}\n{result.Error}");
        StringAssert.Matches(result.Output, new(@"\d+ checks passed\s*$"), result.Error);
        return folder;
    });

    [TestMethod]
    public void ItsCheckPasses() => Assert.IsTrue(File.Exists(Path.Combine(s_checked.Value, "libedge_llm_offload_vulkan.so")));

    [TestMethod]
    public void LogitsAreTheCpusForEverySplit()
    {
        string plugin = Path.Combine(s_checked.Value, "libedge_llm_offload_vulkan.so"), tokens = string.Join(',', Enumerable.Range(1, 70));
        string[] command = ["logits", "-m", Path.Combine(AppContext.BaseDirectory, "models", "edge-llm-small.gguf"), "--all", "--tokens", tokens];
        string cpu = Logits(command);
        string[][] splits = [["-ngl", "1"], ["-ngl", "3"], ["-ngl", "-1"], ["-ngl", "-1", "-b", "7"], ["-ngl", "-1", "--no-offload-kqv"]];
        foreach (string[] split in splits)
            Assert.AreEqual(cpu, Logits([.. command, "--offload", plugin, .. split]), string.Join(' ', split));
    }

    private static string Logits(string[] command) => NativeLibrary.Succeed(Path.Combine(AppContext.BaseDirectory, "edge-llm"), command);
}
