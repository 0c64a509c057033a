using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Edge.Llm.Tests.Support;

/// <summary>Runs the command line as users do: as a process. EDGE_LLM_CLI names another executable than the one built with the tests
/// (the NativeAOT one, say).</summary>
internal static partial class CommandLine
{
    /// <summary>After this a program hangs; a slow machine takes a small part of it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>What a run left behind.</summary>
    public sealed record Result(int ExitCode, byte[] OutputBytes, string Error)
    {
        public string Output => Encoding.UTF8.GetString(OutputBytes);
    }

    public static Result Run(params string[] arguments) => Run(arguments, input: null);

    /// <summary>Runs to the end; without input the standard input is at its end.</summary>
    public static Result Run(string[] arguments, byte[]? input, params (string Name, string Value)[] environment)
    {
        using Process process = Start(arguments, environment);
        Task<string> error = process.StandardError.ReadToEndAsync();
        using var output = new MemoryStream();
        Task reading = process.StandardOutput.BaseStream.CopyToAsync(output);
        if (input is not null) process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        return Finish(process, error, () =>
        {
            reading.Wait(Patience);
            return output.ToArray();
        });
    }

    /// <summary>Runs to the end with files of at most so many blocks of 512 bytes.</summary>
    public static Result RunWithFilesUpTo(int blocks, string[] arguments, params (string Name, string Value)[] environment)
    {
        if (OperatingSystem.IsWindows()) Assert.Inconclusive("Windows has no such limit");
        var start = new ProcessStartInfo("sh", ["-c", $"ulimit -f {blocks}; exec \"$@\"", "sh", .. Program(), .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // the runtime maps its code from a file of its own otherwise
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        return Finish(process, error, () => Encoding.UTF8.GetBytes(process.StandardOutput.ReadToEnd()));
    }

    /// <summary>Starts it; all three streams are pipes.</summary>
    public static Process Start(string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardErrorEncoding = Encoding.UTF8,
        };
        string[] program = Program();
        start.FileName = program[0];
        foreach (string argument in program[1..].Concat(arguments)) start.ArgumentList.Add(argument);
        start.Environment.Remove("EDGE_LLM_MODEL");
        start.Environment.Remove("EDGE_LLM_DEBUG");
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Sends a process a signal, INT or TERM. A shell without job control starts what it puts in the background with INT ignored, and
    /// children inherit that: then the test is inconclusive.</summary>
    public static void Signal(Process process, string signal)
    {
        const string Ignored = "SigIgn:";
        const int Interrupt = 2, Terminate = 15;
        string? mask = File.Exists("/proc/self/status")
            ? File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Ignored, StringComparison.Ordinal)) : null;
        if (signal == "INT" && mask is not null && (Convert.ToUInt64(mask[Ignored.Length..].Trim(), 16) >> (Interrupt - 1) & 1) != 0)
        {
            process.Kill();
            Assert.Inconclusive("this process was started with SIGINT ignored");
        }
        // At once: a program that has to start first may come too late.
        Assert.AreEqual(0, Kill(process.Id, signal == "INT" ? Interrupt : Terminate));
    }

    /// <summary>The words that start it.</summary>
    public static string[] Program() => Settings.Cli is { } executable
        ? [Path.GetFullPath(executable)] : [Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", BuiltAssembly()];

    public static Result Finish(Process process, Task<string> error, Func<byte[]> output)
    {
        if (!process.WaitForExit(Patience))
        {
            process.Kill();
            Assert.Fail($"still running after {Patience}");
        }
        byte[] bytes = output();
        return new Result(process.ExitCode, bytes, error.Result);
    }

    /// <summary>Exit code 2 and one line on standard error, which holds the texts; nothing on standard output.</summary>
    public static void AssertUsageError(Result result, params string[] texts)
    {
        Assert.AreEqual(2, result.ExitCode, result.Error);
        AssertOneLine(result.Error);
        foreach (string text in texts) StringAssert.Contains(result.Error, text);
        Assert.AreEqual("", result.Output);
    }

    public static void AssertOneLine(string error)
    {
        StringAssert.StartsWith(error, "edge-llm: ");
        Assert.AreEqual(1, error.TrimEnd('\n', '\r').Split('\n').Length, error);
        Assert.DoesNotContain("   at ", error);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    // .../tests/bin/Release/net10.0 -> .../tools/edge-llm/bin/Release/net10.0
    private static string BuiltAssembly()
    {
        string framework = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar);
        string configuration = Path.GetDirectoryName(framework)!;
        string root = Path.GetFullPath(Path.Combine(configuration, "..", "..", ".."));
        string path = Path.Combine(root, "tools", "edge-llm", "bin", Path.GetFileName(configuration), Path.GetFileName(framework), "edge-llm.dll");
        Assert.IsTrue(File.Exists(path), $"{path} is not built");
        return path;
    }
}
