using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Native;

/// <summary>The C tests and examples, compiled against the published library and run, most of them also under AddressSanitizer and
/// UndefinedBehaviorSanitizer.</summary>
[TestClass]
public sealed class CInterfaceTests
{
    private const string Template = "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

    private static readonly string[] s_sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];

    // Where the kernel places mappings at random over 32 bits, the AddressSanitizer of older compilers now and then finds its own place taken.
    private static readonly Lazy<string[]> s_unrandomized = new(() =>
        NativeLibrary.Has("setarch") && NativeLibrary.Run("setarch", ["-R", "true"], "").ExitCode == 0 ? ["setarch", "-R"] : []);

    private static readonly string s_adapter = Path.GetTempFileName();

    private static TinyModel s_model = null!;

    private static string RandomCalls => Settings.Full ? "1000000" : "10000";

    [ClassInitialize]
    public static void MakeModel(TestContext _)
    {
        s_model = new TinyModel(GgmlType.Q4_K, GgmlType.Q8_0, chatTemplate: Template);
        using LanguageModel model = LanguageModel.Open(s_model.File);
        File.WriteAllBytes(s_adapter, AdapterFile.Make(model, rank: 4, alpha: 8, keys: keys => keys["adapter.lora.task_name"] = "a test"));
    }

    [ClassCleanup]
    public static void DeleteModel()
    {
        s_model.Dispose();
        File.Delete(s_adapter);
    }

    [TestMethod]
    [DataRow("abuse")]
    [DataRow("options")]
    [DataRow("tools")]
    [DataRow("interrupt")]
    [DataRow("threads")]
    [DataRow("requests")]
    [DataRow("drafts")]
    [DataRow("fork")]
    [DataRow("floats")]
    [DataRow("memory")]
    [DataRow("scarce")]
    [DataRow("reload")]
    [DataRow("adapters")]
    public void EveryMisuseIsAnsweredByAStatus(string test)
    {
        string output = NativeLibrary.Succeed(NativeLibrary.Compile($"tests/Native/c/{test}.c"), Arguments(test));
        StringAssert.EndsWith(output, "ok\n");
    }

    // Of the others, fork leaves a child with memory that it cannot free, memory puts itself in the allocator's place, and
    // scarce leaves no address space to the sanitizers.
    [TestMethod]
    [DataRow("abuse")]
    [DataRow("options")]
    [DataRow("interrupt")]
    [DataRow("threads")]
    [DataRow("requests")]
    [DataRow("drafts")]
    [DataRow("floats")]
    [DataRow("reload")]
    [DataRow("adapters")]
    public void WithoutAnErrorThatSanitizersSee(string test)
    {
        string program = NativeLibrary.Compile($"tests/Native/c/{test}.c", s_sanitizers);
        NativeLibrary.Result result = RunSanitized(program, Arguments(test), "");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.EndsWith(result.Output, "ok\n");
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void TheExamplesInCRun(bool sanitized)
    {
        string Run(string example, string input, params string[] arguments)
        {
            string program = NativeLibrary.Compile($"native-exports/examples/c/{example}.c", sanitized ? s_sanitizers : []);
            NativeLibrary.Result result = sanitized ? RunSanitized(program, arguments, input) : NativeLibrary.Run(program, arguments, input);
            Assert.AreEqual(0, result.ExitCode, result.Error);
            return result.Output;
        }

        string model = s_model.File, text = Run("complete", "", model, "abc", "12", "7");
        Assert.AreEqual(text, Run("complete", "", model, "abc", "12", "7"), "the same seed, the same text");
        Assert.AreNotEqual(text, Run("complete", "", model, "abc", "12", "8"));
        Assert.AreEqual(2, Run("chat", "hi\nand now?\n", model).Count(c => c == '\n'), "an answer a line");
        string[] cosines = Run("embed", "", model, "abc", "abc", "xyz").TrimEnd().Split('\n');
        Assert.AreEqual("1.0000  abc", cosines[1]);
        StringAssert.EndsWith(cosines[2], "  xyz");
        Assert.AreNotEqual("", Run("stream", "", model, "abc", "2000"));
        string[] both = Run("two_models", "", model, model, "abc").TrimEnd().Split('\n');
        Assert.AreEqual(both[0], both[1]);
        string[] many = Run("many", "", model, "abc", "12").TrimEnd('\n').Split('\n');
        Assert.AreEqual(8, many.Distinct().Count());
        Assert.AreEqual($"7:{text}".TrimEnd('\n'), many[6], "the same text as alone");
    }

    [TestMethod]
    public void TheExamplesInCppRun()
    {
        string model = s_model.File;
        string text = NativeLibrary.Succeed(NativeLibrary.Compile("native-exports/examples/cpp/complete.cpp"), model, "abc", "12", "7");
        Assert.AreEqual(text, NativeLibrary.Succeed(NativeLibrary.Compile("native-exports/examples/c/complete.c"), model, "abc", "12", "7"));
        string tour = NativeLibrary.Succeed(NativeLibrary.Compile("native-exports/examples/cpp/tour.cpp", "-std=c++20"), model);
        foreach (string line in (string[])["an error: 1, ", "the same text twice", "cancelled after ", "the same logits after saving and loading"])
            StringAssert.Contains(tour, line);
    }

    [TestMethod]
    [DataRow("-std=c++17")]
    [DataRow("-std=c++20")]
    public void TheHeaderForCppKeepsItsPromises(string standard)
    {
        string program = NativeLibrary.Compile("tests/Native/c/wrapper.cpp", standard, "-Wpedantic", "-Wconversion", "-Wshadow");
        StringAssert.EndsWith(NativeLibrary.Succeed(program, s_model.File, s_adapter), "ok\n");
    }

    private static string[] Arguments(string test) => test switch
    {
        "options" => [s_model.File, RandomCalls],
        "reload" => [NativeLibrary.File, s_model.File],
        "adapters" => [s_model.File, s_adapter],
        _ => [s_model.File],
    };

    private static NativeLibrary.Result RunSanitized(string program, string[] arguments, string input)
    {
        string[] words = [.. s_unrandomized.Value, program, .. arguments];
        return NativeLibrary.Run(words[0], words[1..], input,
            ("LSAN_OPTIONS", $"print_suppressions=0:suppressions={Path.Combine(NativeLibrary.Root, "tests", "Native", "c", "leaks.supp")}"));
    }
}
