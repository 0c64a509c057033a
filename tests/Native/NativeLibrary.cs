using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Native;

/// <summary>The published C library, and programs compiled against it. EDGE_LLM_NATIVE names the folder it was published to, with a folder for
/// each level; without it, it is published once, for this machine's level.</summary>
internal static class NativeLibrary
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(30); // publishing takes minutes, and longer on a busy machine
    private static readonly Lazy<string> s_artifacts = new(Publish);
    private static readonly Lazy<string> s_scratch = new(() =>
    {
        string folder = Directory.CreateTempSubdirectory("edge-llm-native").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    });

    /// <summary>What a program left behind.</summary>
    public sealed record Result(int ExitCode, string Output, string Error);

    /// <summary>The repository.</summary>
    public static string Root { get; } = RepositoryFiles.Root();

    /// <summary>A folder that is deleted in the end.</summary>
    public static string Scratch => s_scratch.Value;

    /// <summary>Folders of levels.</summary>
    public static string Artifacts => s_artifacts.Value;

    /// <summary>The folder with the best library for this machine.</summary>
    public static string Best => Path.Combine(Artifacts, Levels().Last(level => Directory.Exists(Path.Combine(Artifacts, level))));

    /// <summary>The executables of all levels that this machine can run.</summary>
    public static IEnumerable<string> Executables => Levels().Select(level => Path.Combine(Artifacts, level, "edge-llm")).Where(System.IO.File.Exists);

    /// <summary>The library itself.</summary>
    public static string File => Path.Combine(Best, "libedge_llm.so.1");

    /// <summary>Compiles C or C++ against the library, warnings being errors.</summary>
    /// <returns>The program.</returns>
    public static string Compile(string source, params string[] options)
    {
        bool cpp = source.EndsWith(".cpp", StringComparison.Ordinal);
        string program = Path.Combine(Scratch, $"{Path.GetFileNameWithoutExtension(source)}-{Guid.NewGuid():N}");
        Succeed(Compiler(cpp), ["-g", "-O1", "-Wall", "-Wextra", "-Werror", cpp ? "-std=c++17" : "-std=gnu11", .. options,
            "-I", Path.Combine(Root, "native-exports", "include"), Path.Combine(Root, source), "-o", program,
            "-L", Best, "-ledge_llm", $"-Wl,-rpath,{Best}", "-pthread", "-lm", "-ldl"]);
        return program;
    }

    /// <summary>Runs a program, which must succeed, and returns its output.</summary>
    public static string Succeed(string program, params string[] arguments)
    {
        Result result = Run(program, arguments, "");
        Assert.AreEqual(0, result.ExitCode, $"{program} {string.Join(' ', arguments)}\n{result.Output}\n{result.Error}");
        return result.Output;
    }

    /// <summary>Runs a program to its end.</summary>
    public static Result Run(string program, string[] arguments, string input, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Root };
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program}: still running after {s_patience}\n{error.Result}");
        }
        return new Result(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>Whether a program is there.</summary>
    public static bool Has(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Any(folder => folder != "" && System.IO.File.Exists(Path.Combine(folder, program)));

    private static string Compiler(bool cpp)
    {
        string[] names = cpp ? ["c++", "g++", "clang++"] : ["cc", "gcc", "clang"];
        return names.FirstOrDefault(Has) ?? throw new AssertInconclusiveException($"no compiler here: {string.Join(", ", names)}");
    }

    /// <summary>Levels that this machine runs, best last.</summary>
    private static string[] Levels() => RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64 || !Avx2.IsSupported || !Fma.IsSupported
        ? ["baseline"] : Avx512BW.IsSupported && Avx512DQ.IsSupported ? ["baseline", "v3", "v4"] : ["baseline", "v3"];

    private static string Publish()
    {
        if (Settings.Native is { } published) return Path.GetFullPath(published, Root);
        if (!OperatingSystem.IsLinux()) Assert.Inconclusive("the native tests are for Linux");
        Compiler(cpp: false);
        string artifacts = Path.Combine(Root, "artifacts", "native-tests");
        Succeed(Path.Combine(Root, "native-exports", "publish"), "--only", "library", Levels()[^1], Path.Combine(artifacts, Levels()[^1]));
        return artifacts;
    }
}
