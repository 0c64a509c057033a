namespace Edge.Llm.Tests.Native;

/// <summary>The CUDA plug-in without a GPU: its own tests of kernels, formats and faults; and a whole model through the engine, over a driver made of an
/// emulator.</summary>
[TestClass]
public sealed class CudaPluginTests
{
    private static string Plugin => Path.Combine(PluginChecks.Folder("cuda"), "libedge_llm_offload_cuda.so");

    [ClassCleanup]
    public static void Wait() => PluginChecks.Wait();

    [TestMethod]
    public void ItsCheckPasses() => Assert.IsTrue(File.Exists(Plugin));

    [TestMethod]
    public void LogitsAreTheCpusForEverySplit()
    {
        string tokens = string.Join(',', Enumerable.Range(1, 18));
        string[] command = ["logits", "-m", Path.Combine(AppContext.BaseDirectory, "models", "edge-llm-small.gguf"), "--all", "--tokens", tokens];
        string cpu = Logits(command);
        string[][] splits = [["-ngl", "1"], ["-ngl", "3"], ["-ngl", "-1"], ["-ngl", "-1", "-b", "7"], ["-ngl", "-1", "-b", "1"], ["-ngl", "-1", "--no-offload-kqv"]];
        foreach (string[] split in splits)
            Assert.AreEqual(cpu, Logits([.. command, "--offload", Plugin, .. split]), string.Join(' ', split));
    }

    [TestMethod]
    [DataRow("", "emulated on the CPU, DiscreteGpu, CUDA 12.0")]
    [DataRow("devices=0", "no device")]
    [DataRow("driver=10020", "no device")]
    [DataRow("cc=61", "compute capability 6.1: expected 7.0 or later")]
    public void DevicesSayWhatTheyAreOrWhyThereAreNone(string faults, string expected)
    {
        NativeLibrary.Result result = Run(["devices", "--offload", Plugin], faults);
        StringAssert.Contains(result.Output + result.Error, expected);
    }

    private static string Logits(string[] command)
    {
        NativeLibrary.Result result = Run(command, "");
        Assert.AreEqual(0, result.ExitCode, $"{string.Join(' ', command)}\n{result.Output}\n{result.Error}");
        return result.Output;
    }

    private static NativeLibrary.Result Run(string[] command, string faults) => NativeLibrary.Run(Path.Combine(AppContext.BaseDirectory, "edge-llm"), command, "",
        ("LD_LIBRARY_PATH", Path.Combine(PluginChecks.Folder("cuda"), "fake")), ("FAKE_CUDA", faults));
}
