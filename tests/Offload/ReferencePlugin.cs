using System.Diagnostics;
using System.Runtime.InteropServices;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>The reference plug-in, built once with the machine's C compiler. Without one the tests are inconclusive.</summary>
internal static partial class ReferencePlugin
{
    private const string Variable = "EDGE_LLM_REFERENCE_FAULT";

    private static readonly Lazy<string> s_path = new(Build);

    /// <summary>The library.</summary>
    public static string Path => s_path.Value;

    /// <summary>Layers for it.</summary>
    public static OffloadOptions Layers(int count) => new() { Plugin = Path, Layers = count };

    /// <summary>Makes it fail until the result is disposed of; see its README.</summary>
    public static IDisposable Fault(string fault)
    {
        if (SetVariable(Variable, fault, 1) != 0) throw new InvalidOperationException("setenv");
        return new Restored();
    }

    private sealed class Restored : IDisposable
    {
        public void Dispose() => UnsetVariable(Variable);
    }

    private static string Build()
    {
        if (!OperatingSystem.IsLinux()) Assert.Inconclusive("the reference plug-in is built on Linux for the tests");
        string root = RepositoryFiles.Root(), folder = System.IO.Path.Combine(root, "artifacts", "plugins");
        var start = new ProcessStartInfo(System.IO.Path.Combine(root, "native-exports", "plugins", "build"), [folder, "reference"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (output.Contains("no C compiler", StringComparison.Ordinal)) Assert.Inconclusive(output);
        Assert.AreEqual(0, process.ExitCode, output);
        return System.IO.Path.Combine(folder, "libedge_llm_offload_reference.so");
    }

    // .NET keeps an environment of its own: a C library sees only the process's.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "unsetenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnsetVariable(string name);
}
