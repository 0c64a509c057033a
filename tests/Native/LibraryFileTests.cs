using System.Text.RegularExpressions;

namespace Edge.Llm.Tests.Native;

/// <summary>The library as a file: what it exports, needs and weighs, and how it is installed.</summary>
[TestClass]
public sealed partial class LibraryFileTests
{
    private const long MostBytes = 8 << 20;

    [TestMethod]
    public void HeaderEntriesAndExportsAreTheSameFunctions()
    {
        string Read(string path) => File.ReadAllText(Path.Combine(NativeLibrary.Root, "native-exports", path));
        string entry = Read("entry.c");
        string[] header = Names(Declared(), Read("include/edge_llm.h"));
        string[] entries = [.. Names(Entered(), entry), .. Names(Defaulted(), entry).Select(name => name + "_default"), "edge_llm_last_error",
            "edge_llm_model_open_memory"];
        string[] exports = [.. Directory.EnumerateFiles(Path.Combine(NativeLibrary.Root, "native-exports", "Exports"))
            .SelectMany(file => Names(Exported(), File.ReadAllText(file)))];
        Assert.IsGreaterThan(40, header.Length);
        CollectionAssert.AreEquivalent(header, entries);
        CollectionAssert.AreEquivalent(header, exports);
    }

    [TestMethod]
    public void StatusesAndFinishReasonsHaveTheEnginesNumbers()
    {
        string header = File.ReadAllText(Path.Combine(NativeLibrary.Root, "native-exports", "include", "edge_llm.h"));
        (string, int)[] Members<T>() where T : struct, Enum => [.. Enum.GetValues<T>().Select(value => (value.ToString().ToUpperInvariant(), Convert.ToInt32(value, null)))];
        (string, int)[] Constants(string name, string prefix)
        {
            int start = header.IndexOf($"typedef enum {name} {{", StringComparison.Ordinal);
            string body = header[start..header.IndexOf('}', start)];
            return [.. Regex.Matches(body, $@"^    {prefix}(\w+) = (\d+)", RegexOptions.Multiline)
                .Select(match => (match.Groups[1].Value.Replace("_", ""), int.Parse(match.Groups[2].Value, null))).Where(constant => constant.Item2 != 0)];
        }
        CollectionAssert.AreEqual(Members<FinishReason>(), Constants("edge_llm_finish", "EDGE_LLM_FINISH_"));
        CollectionAssert.AreEqual(Members<ErrorCode>(), Constants("edge_llm_status", "EDGE_LLM_"));
    }

    [TestMethod]
    public void OnlyTheInterfaceIsExported()
    {
        string[] exported = [.. NativeLibrary.Succeed("nm", "-D", "--defined-only", NativeLibrary.File).TrimEnd().Split('\n').Select(line => line.Split(' ')[^1])];
        CollectionAssert.AreEquivalent(Names(Declared(), File.ReadAllText(Path.Combine(NativeLibrary.Root, "native-exports", "include", "edge_llm.h"))), exported);
    }

    [TestMethod]
    public void ItNeedsTheCLibraryOnlyAndStays()
    {
        string dynamic = NativeLibrary.Succeed("readelf", "-d", NativeLibrary.File);
        foreach (Match needed in Needed().Matches(dynamic))
            Assert.IsTrue(needed.Groups[1].Value is "libc.so.6" or "libm.so.6" || needed.Groups[1].Value.StartsWith("ld-linux", StringComparison.Ordinal), needed.Value);
        StringAssert.Contains(dynamic, "[libedge_llm.so.1]");
        StringAssert.Contains(dynamic, "NODELETE");
        Assert.IsLessThanOrEqualTo(MostBytes, new FileInfo(NativeLibrary.File).Length);
    }

    [TestMethod]
    [DataRow("c", "-std=c99", "-pedantic")]
    [DataRow("c++", "-std=c++11", "-pedantic")]
    public void TheHeaderIsPlain(string language, params string[] options) => NativeLibrary.Succeed("cc",
        ["-x", language, "-Wall", "-Wextra", "-Werror", .. options, "-fsyntax-only", "-include", Path.Combine(NativeLibrary.Root, "native-exports", "include", "edge_llm.h"), "/dev/null"]);

    [TestMethod]
    public void AnInstalledLibraryIsFoundByCMakePkgConfigAndTheLoader()
    {
        foreach (string tool in (string[])["cmake", "pkg-config", "make"])
            if (!NativeLibrary.Has(tool)) Assert.Inconclusive($"{tool} is not here");
        string levels = LevelsWithPlugin(), prefix = Path.Combine(NativeLibrary.Scratch, "prefix"), build = Path.Combine(NativeLibrary.Scratch, "build");
        NativeLibrary.Succeed(Path.Combine(NativeLibrary.Root, "native-exports", "install"), prefix, levels);
        Directory.Move(prefix, prefix += "-moved");

        string executable = Path.Combine(prefix, "bin", "edge-llm");
        if (File.Exists(executable))
        {
            NativeLibrary.Result story = NativeLibrary.Run(executable, ["run", "-n", "4", "Once upon a time"], "");
            Assert.AreEqual(0, story.ExitCode, story.Error);
            StringAssert.Contains(story.Error, "built-in model");
            StringAssert.Contains(NativeLibrary.Run(executable, ["devices"], "").Output, "this processor");
        }

        TheLauncherTakesTheBestBuildThatStarts(levels);

        NativeLibrary.Succeed("cmake", "-S", Path.Combine(NativeLibrary.Root, "native-exports", "examples", "cpp"), "-B", build, $"-DCMAKE_PREFIX_PATH={prefix}");
        NativeLibrary.Succeed("cmake", "--build", build, "--target", "complete");
        NativeLibrary.Result usage = NativeLibrary.Run(Path.Combine(build, "complete"), ["no such file"], "");
        Assert.AreEqual((1, "complete: cannot open no such file: no such file\n"), (usage.ExitCode, usage.Error));

        string versions = Path.Combine(NativeLibrary.Scratch, "versions");
        Directory.CreateDirectory(versions);
        foreach ((string asked, bool found) in (ReadOnlySpan<(string, bool)>)
            [("0.1", true), ($"{EngineVersion.Text} EXACT", true), ("0.0.9 EXACT", false), ("0.99", false), ("1.0", false)])
        {
            File.WriteAllText(Path.Combine(versions, "CMakeLists.txt"), $"""
                cmake_minimum_required(VERSION 3.13)
                project(versions C)
                find_package(edge_llm {asked} REQUIRED)
                """);
            int exit = NativeLibrary.Run("cmake", ["-S", versions, "-B", Path.Combine(versions, "build"), $"-DCMAKE_PREFIX_PATH={prefix}"], "").ExitCode;
            Assert.AreEqual(found, exit == 0, asked);
        }

        string source = Path.Combine(NativeLibrary.Scratch, "level.c"), shared = Path.Combine(NativeLibrary.Scratch, "level"), whole = shared + "-static";
        File.WriteAllText(source, """
            #include <edge_llm.h>
            #include <stdio.h>
            int main(void)
            {
                edge_llm_feature_info info = {.struct_size = sizeof info};
                edge_llm_status status = edge_llm_features(&info);
                printf("%d %s %d\n", (int)status, info.level, info.offload_plugins);
                return 0;
            }
            """);
        string[] flags = NativeLibrary.Run("pkg-config", ["--cflags", "--libs", "edge_llm"], "", ("PKG_CONFIG_PATH", Path.Combine(prefix, "lib", "pkgconfig")))
            .Output.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        NativeLibrary.Succeed("cc", [source, "-o", shared, .. flags, $"-Wl,-rpath,{Path.Combine(prefix, "lib")}"]);
        Assert.AreEqual($"0 {Path.GetFileName(NativeLibrary.Best)} 1\n", NativeLibrary.Succeed(shared), "the loader takes the best level, and the plug-in is beside it");

        NativeLibrary.Succeed("cc", source, "-o", whole, "-I", Path.Combine(prefix, "include"), Path.Combine(prefix, "lib", "libedge_llm.a"), "-lm", "-ldl", "-lrt", "-pthread");
        StringAssert.StartsWith(NativeLibrary.Succeed(whole), "0 ");
        Assert.DoesNotContain("libedge_llm", NativeLibrary.Succeed("readelf", "-d", whole));
    }

    [TestMethod]
    [DataRow("v3", "Haswell", 0)]
    [DataRow("v3", "Haswell,-avx2", 2)]
    [DataRow("v3", "Haswell,-movbe", 2)]
    [DataRow("v3", "Haswell,-abm", 2)]
    [DataRow("v3", "Nehalem", 2)]
    [DataRow("v4", "Haswell", 2)]
    [DataRow("baseline", "Nehalem", 0)]
    [DataRow("baseline", "Nehalem,-popcnt", 2)]
    [DataRow("baseline", "qemu64", 2)]
    public void AProcessorThatTheBuildIsNotForGetsAStatus(string level, string processor, int status)
    {
        const string Emulator = "qemu-x86_64-static";
        string folder = Path.Combine(NativeLibrary.Artifacts, level);
        if (!NativeLibrary.Has(Emulator)) Assert.Inconclusive($"{Emulator} is not here");
        if (!Directory.Exists(folder)) Assert.Inconclusive($"{level} was not published (EDGE_LLM_NATIVE)");
        string source = Path.Combine(NativeLibrary.Scratch, "processor.c"), program = Path.Combine(NativeLibrary.Scratch, $"processor-{level}");
        File.WriteAllText(source, """
            #include <edge_llm.h>
            #include <stdio.h>
            int main(void)
            {
                edge_llm_version_info info = {.struct_size = sizeof info};
                edge_llm_error error = {.struct_size = sizeof error};
                int version = (int)edge_llm_version(&info), last = (int)edge_llm_last_error(&error);
                printf("%d %d %d\n", version, last, (int)error.code);
                return 0;
            }
            """);
        NativeLibrary.Succeed("cc", source, "-o", program, "-I", Path.Combine(NativeLibrary.Root, "native-exports", "include"), "-L", folder, "-ledge_llm", $"-Wl,-rpath,{folder}");
        NativeLibrary.Result result = NativeLibrary.Run(Emulator, ["-cpu", processor, program], "");
        Assert.AreEqual((0, $"{status} {status} {status}\n"), (result.ExitCode, result.Output), result.Error);
    }

    // A build ends with SIGABRT on a processor that it is not for.
    private static void TheLauncherTakesTheBestBuildThatStarts(string levels)
    {
        string folder = Path.Combine(NativeLibrary.Scratch, "builds"), prefix = Path.Combine(NativeLibrary.Scratch, "launched");
        Directory.CreateDirectory(Path.Combine(folder, "baseline", "models"));
        File.WriteAllText(Path.Combine(folder, "baseline", "models", "m.gguf"), "");
        foreach (string file in (string[])["libedge_llm.so.1", "libedge_llm.a"]) File.CreateSymbolicLink(Path.Combine(folder, "baseline", file), Path.Combine(levels, "baseline", file));
        foreach ((string level, string abort, string expected) in (ReadOnlySpan<(string, string, string)>)
            [("baseline", "", "baseline"), ("v3", "kill -ABRT $$", "baseline"), ("v3", "", "v3"), ("v4", "kill -ABRT $$", "v3"), ("v4", "", "v4")])
        {
            Directory.CreateDirectory(Path.Combine(folder, level));
            string build = Path.Combine(folder, level, "edge-llm");
            File.WriteAllText(build, $"#!/bin/sh\n{abort}\necho {level} \"$@\"\n");
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(build, (UnixFileMode)0b111_101_101);
            NativeLibrary.Succeed(Path.Combine(NativeLibrary.Root, "native-exports", "install"), prefix, folder);
            NativeLibrary.Result result = NativeLibrary.Run(Path.Combine(prefix, "bin", "edge-llm"), ["run", "a b"], "");
            Assert.AreEqual((0, $"{expected} run a b\n", ""), (result.ExitCode, result.Output, result.Error));
        }
    }

    // All levels that were published, and the reference plug-in. Where one level only was published, it stands for the baseline.
    private static string LevelsWithPlugin()
    {
        string levels = Path.Combine(NativeLibrary.Scratch, "levels");
        Directory.CreateDirectory(levels);
        string[] published = [.. ((string[])["baseline", "v3", "v4"]).Where(level => Directory.Exists(Path.Combine(NativeLibrary.Artifacts, level)))];
        foreach (string level in published) File.CreateSymbolicLink(Path.Combine(levels, level), Path.Combine(NativeLibrary.Artifacts, level));
        if (!published.Contains("baseline")) File.CreateSymbolicLink(Path.Combine(levels, "baseline"), NativeLibrary.Best);
        NativeLibrary.Succeed(Path.Combine(NativeLibrary.Root, "native-exports", "plugins", "build"), Path.Combine(levels, "plugins"), "reference");
        return levels;
    }

    private static string[] Names(Regex pattern, string text) => [.. pattern.Matches(text).Select(match => match.Groups[1].Value)];

    [GeneratedRegex(@"EDGE_LLM_API edge_llm_status (edge_llm_\w+)\(")]
    private static partial Regex Declared();

    [GeneratedRegex(@"^ENTRY(?:_MAKING(?:_SOME)?)?\((?:\w+, )*?(edge_llm_\w+),", RegexOptions.Multiline)]
    private static partial Regex Entered();

    [GeneratedRegex(@"^DEFAULTS\((edge_llm_\w+)\)", RegexOptions.Multiline)]
    private static partial Regex Defaulted();

    [GeneratedRegex(@"EntryPoint = ""managed_(edge_llm_\w+)""")]
    private static partial Regex Exported();

    [GeneratedRegex(@"\(NEEDED\).*\[(.*)\]")]
    private static partial Regex Needed();
}
