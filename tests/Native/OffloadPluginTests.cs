namespace Edge.Llm.Tests.Native;

/// <summary>The offload plug-ins' own checks, the script that builds them, and the page's example.</summary>
[TestClass]
public sealed class OffloadPluginTests
{
    private static readonly string s_plugins = Path.Combine(NativeLibrary.Root, "native-exports", "plugins");

    [ClassCleanup]
    public static void Wait() => PluginChecks.Wait();

    [TestMethod]
    public void TheReferencePluginGivesWhatIsDefined() => Assert.IsTrue(Directory.Exists(PluginChecks.Folder("reference")));

    [TestMethod]
    public void TheMetalPluginGivesWhatIsDefinedOverAnEmulatedGpu() => Assert.IsTrue(Directory.Exists(PluginChecks.Folder("metal")));

    [TestMethod]
    public void ThePageShowsTheExampleThatIsCompiled()
    {
        string page = File.ReadAllText(Path.Combine(NativeLibrary.Root, "docs", "offload.md")), source = File.ReadAllText(Path.Combine(s_plugins, "example", "example.c"));
        StringAssert.Contains(page, $"<!-- example.c -->\n```c\n{source}```\n");
    }

    [TestMethod]
    public void APluginThatIsNotKnownIsNotBuilt()
    {
        NativeLibrary.Result result = NativeLibrary.Run(Path.Combine(s_plugins, "build"), [Folder("unknown"), "opencl"], "");
        Assert.AreEqual(2, result.ExitCode, result.Output);
        StringAssert.Contains(result.Error, "opencl: expected reference, cuda, vulkan or metal");
    }

    [TestMethod]
    public void APluginThatIsAskedForByNameMustBeBuilt()
    {
        if (OperatingSystem.IsMacOS()) Assert.Inconclusive("Metal is here");
        NativeLibrary.Result result = NativeLibrary.Run(Path.Combine(s_plugins, "build"), [Folder("metal"), "metal"], "");
        Assert.AreEqual(1, result.ExitCode, result.Output);
        Assert.AreEqual("metal: skipped: it needs macOS\n", result.Output);
    }

    private static string Folder(string name) => Path.Combine(NativeLibrary.Scratch, "plugins", name);
}
