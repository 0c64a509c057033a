using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Native;

/// <summary>The C library published for arm64 from here, and the C tests against it under emulation, with sdot and without.</summary>
[TestClass]
public sealed class Arm64LibraryTests
{
    private const string Emulator = "qemu-aarch64-static", Compiler = "aarch64-linux-gnu-gcc", Rid = "linux-arm64", Headers = "/usr/aarch64-linux-gnu/include/stdint.h";

    private static readonly Lazy<string> s_library = new(Publish);

    [TestMethod]
    [DataRow("abuse", "max")]
    [DataRow("options", "max")]
    [DataRow("interrupt", "max")]
    [DataRow("threads", "cortex-a72")]
    [DataRow("fork", "max")]
    [DataRow("reload", "cortex-a72")]
    [DataRow("floats", "max")]
    [DataRow("floats", "cortex-a72")]
    [DataRow("memory", "cortex-a72")]
    public void EveryMisuseIsAnsweredByAStatus(string test, string processor)
    {
        using TinyModel model = Model();
        string[] arguments = test switch
        {
            "options" => [model.File, "500"],
            "reload" => [Path.Combine(s_library.Value, "libedge_llm.so.1"), model.File],
            _ => [model.File],
        };
        StringAssert.EndsWith(Emulate(Compile($"tests/Native/c/{test}.c"), processor, arguments), "ok\n");
    }

    [TestMethod]
    public void TokensAndLogitsAreThoseOfThisMachine()
    {
        using TinyModel model = Model();
        string file = Path.Combine(NativeLibrary.Scratch, "logits-arm64.bin");
        string[] arguments = [model.File, "the prompt is this", "42", "40", file];
        string expected = NativeLibrary.Succeed(NativeLibrary.Compile("tests/Native/c/parity.c"), arguments);
        byte[] logits = File.ReadAllBytes(file);
        string program = Compile("tests/Native/c/parity.c");
        foreach (string processor in (string[])["max", "cortex-a72"])
        {
            File.Delete(file);
            Assert.AreEqual(expected, Emulate(program, processor, arguments), processor);
            CollectionAssert.AreEqual(logits, File.ReadAllBytes(file), processor);
        }
    }

    private static TinyModel Model() => new(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: "{% for m in messages %}{{ m.content }}{% endfor %}");

    private static string Publish()
    {
        foreach (string tool in (string[])["clang", "ld.lld", "llvm-objcopy", Compiler, Emulator])
            if (!NativeLibrary.Has(tool)) Assert.Inconclusive($"{tool} is not here");
        if (!File.Exists(Headers)) Assert.Inconclusive($"{Headers} is not here");
        string output = Path.Combine(NativeLibrary.Scratch, Rid);
        NativeLibrary.Result result = NativeLibrary.Run(Path.Combine(NativeLibrary.Root, "native-exports", "publish"),
            ["--only", "library", "--rid", Rid, "baseline", output], "");
        if (result.Error.Contains("can be restored", StringComparison.Ordinal)) Assert.Inconclusive(result.Error);
        Assert.AreEqual(0, result.ExitCode, result.Output + result.Error);
        return output;
    }

    private static string Compile(string source)
    {
        string program = Path.Combine(s_library.Value, Path.GetFileNameWithoutExtension(source));
        NativeLibrary.Succeed(Compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-I", s_library.Value, Path.Combine(NativeLibrary.Root, source), "-o", program,
            "-L", s_library.Value, "-ledge_llm", $"-Wl,-rpath,{s_library.Value}", "-pthread", "-lm", "-ldl");
        return program;
    }

    private static string Emulate(string program, string processor, string[] arguments) =>
        NativeLibrary.Succeed(Emulator, ["-cpu", processor, "-L", "/usr/aarch64-linux-gnu", "-E", $"LD_LIBRARY_PATH={s_library.Value}", program, .. arguments]);
}
