using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Native;

/// <summary>The CUDA plug-in without a GPU: its own tests of kernels, formats and faults; and a whole model through the engine, over a driver made of an
/// emulator.</summary>
[TestClass]
public sealed class CudaPluginTests
{
    private const int ToolIsMissing = 77;

    // The folder it was built into, by its check, which must pass.
    private static readonly Lazy<string> s_checked = new(() =>
    {
        if (!OperatingSystem.IsLinux()) Assert.Inconclusive("the fake driver is for Linux");
        string folder = Path.Combine(NativeLibrary.Scratch, "cuda");
        NativeLibrary.Result result = NativeLibrary.Run(Path.Combine(NativeLibrary.Root, "native-exports", "plugins", "cuda", "check"), [folder], "",
            ("EDGE_LLM_FULL", Settings.Full ? "1" : ""));
        if (result.ExitCode == ToolIsMissing) Assert.Inconclusive(result.Output);
        Assert.AreEqual(0, result.ExitCode, $"{result.Output}\n{result.Error}");
        StringAssert.Matches(result.Output, new(@"\d+ checks passed\s*$"), result.Error);
        return folder;
    });

    [TestMethod]
    public void ItsCheckPasses() => Assert.IsTrue(File.Exists(Path.Combine(s_checked.Value, "libedge_llm_offload_cuda.so")));

    [TestMethod]
    public void LogitsAreTheCpusForEverySplit()
    {
        string plugin = Path.Combine(s_checked.Value, "libedge_llm_offload_cuda.so"), tokens = string.Join(',', Enumerable.Range(1, 18));
        string[] command = ["logits", "-m", Path.Combine(AppContext.BaseDirectory, "models", "edge-llm-small.gguf"), "--all", "--tokens", tokens];
        string cpu = Logits(command);
        string[][] splits = [["-ngl", "1"], ["-ngl", "3"], ["-ngl", "-1"], ["-ngl", "-1", "-b", "7"], ["-ngl", "-1", "-b", "1"], ["-ngl", "-1", "--no-offload-kqv"]];
        foreach (string[] split in splits)
            Assert.AreEqual(cpu, Logits([.. command, "--offload", plugin, .. split]), string.Join(' ', split));
    }

    [TestMethod]
    [DataRow("", "emulated on the CPU, DiscreteGpu, CUDA 12.0")]
    [DataRow("devices=0", "no device")]
    [DataRow("driver=10020", "no device")]
    [DataRow("cc=61", "compute capability 6.1: expected 7.0 or later")]
    public void DevicesSayWhatTheyAreOrWhyThereAreNone(string faults, string expected)
    {
        NativeLibrary.Result result = Run(["devices", "--offload", Path.Combine(s_checked.Value, "libedge_llm_offload_cuda.so")], faults);
        StringAssert.Contains(result.Output + result.Error, expected);
    }

    private static string Logits(string[] command)
    {
        NativeLibrary.Result result = Run(command, "");
        Assert.AreEqual(0, result.ExitCode, $"{string.Join(' ', command)}\n{result.Output}\n{result.Error}");
        return result.Output;
    }

    private static NativeLibrary.Result Run(string[] command, string faults) => NativeLibrary.Run(Path.Combine(AppContext.BaseDirectory, "edge-llm"), command, "",
        ("LD_LIBRARY_PATH", Path.Combine(s_checked.Value, "fake")), ("FAKE_CUDA", faults));
}
