namespace Edge.Llm.Tests.Native;

/// <summary>The Vulkan plug-in on Mesa's software device: its own tests of kernels, models, faults and the validation layer; and a whole model
/// through the engine.</summary>
[TestClass]
public sealed class VulkanPluginTests
{
    private static string Plugin => Path.Combine(PluginChecks.Folder("vulkan"), "libedge_llm_offload_vulkan.so");

    [ClassCleanup]
    public static void Wait() => PluginChecks.Wait();

    [TestMethod]
    public void ItsCheckPasses() => Assert.IsTrue(File.Exists(Plugin));

    [TestMethod]
    public void LogitsAreTheCpusForEverySplit()
    {
        string tokens = string.Join(',', Enumerable.Range(1, 70));
        string[] command = ["logits", "-m", Path.Combine(AppContext.BaseDirectory, "models", "edge-llm-small.gguf"), "--all", "--tokens", tokens];
        string cpu = Logits(command);
        string[][] splits = [["-ngl", "1"], ["-ngl", "3"], ["-ngl", "-1"], ["-ngl", "-1", "-b", "7"], ["-ngl", "-1", "--no-offload-kqv"]];
        foreach (string[] split in splits)
            Assert.AreEqual(cpu, Logits([.. command, "--offload", Plugin, .. split]), string.Join(' ', split));
    }

    private static string Logits(string[] command) => NativeLibrary.Succeed(Path.Combine(AppContext.BaseDirectory, "edge-llm"), command);
}
