using System.Text;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Cli;

/// <summary>What users get wrong: exit code 2 and one clear line.</summary>
[TestClass]
public sealed class UsageTests
{
    private static ScriptedModel s_model = null!;

    [ClassInitialize]
    public static void MakeModel(TestContext context) => s_model = new ScriptedModel([" one", " two"], 259, 260, 259);

    [ClassCleanup]
    public static void DeleteModel() => s_model.Dispose();

    [TestMethod]
    [DataRow("no command given", "")]
    [DataRow("unknown command 'fly'", "fly")]
    [DataRow("expected a command before '-m'", "-m MODEL -p x")]
    [DataRow("--top-k: expected an integer, found 'x'", "run -m MODEL -p x --top-k x")]
    [DataRow("--repeat-penalty: expected a number above 0, found '0'", "run -m MODEL -p x --repeat-penalty 0")]
    [DataRow("unknown option '--foo'", "run -m MODEL -p x --foo")]
    [DataRow("unknown option '--foo'", "run -m MODEL --foo")]
    [DataRow("unknown option '-x'", "kernels -x")]
    [DataRow("unexpected argument 'y'", "run -m MODEL x y")]
    [DataRow("--n-predict: expected an integer of -1 or more, found '-5'", "run -m MODEL -p x -n -5")]
    [DataRow("found 'many'", "run -m MODEL -p x -n many")]
    [DataRow("--ctx-size: expected an integer", "run -m MODEL -p x -c -1")]
    [DataRow("--threads: expected", "run -m MODEL -p x -t -2")]
    [DataRow("--batch-size: expected", "run -m MODEL -p x -b 0")]
    [DataRow("--type-k: expected f16, f32, q8_0, bf16, q5_1, q5_0, q4_1, q4_0, iq4_nl, found 'q9'", "run -m MODEL -p x --type-k q9")]
    [DataRow("--top-p: expected a number from 0 to 1, found '2'", "run -m MODEL -p x --top-p 2")]
    [DataRow("--temp: expected a number, found 'NaN'", "run -m MODEL -p x --temp NaN")]
    [DataRow("--seed: expected", "run -m MODEL -p x --seed -2")]
    [DataRow("--logit-bias: expected", "run -m MODEL -p x --logit-bias nonsense")]
    [DataRow("logit bias for token 99999", "run -m MODEL -p x --logit-bias 99999+1")]
    [DataRow("-p", "run -m MODEL -p")]
    [DataRow("more than one prompt", "run -m MODEL -p x y")]
    [DataRow("--n-prompt: expected", "bench -m MODEL -p -1")]
    [DataRow("--repetitions: expected", "bench -m MODEL -r 0")]
    [DataRow("--batch-sizes: expected integers from 1 to 256 with commas between, found '1,0'", "bench -m MODEL --batched --batch-sizes 1,0")]
    [DataRow("--batch-sizes: only with --batched", "bench -m MODEL -npl 1,2")]
    [DataRow("--shared-prompt: only with --batched", "bench -m MODEL -pps")]
    [DataRow("--n-depth: not with --batched", "bench -m MODEL --batched -d 1")]
    [DataRow("--n-parallel: not with --batched", "bench -m MODEL --batched -np 2")]
    [DataRow("--batched: expected tokens to measure", "bench -m MODEL --batched -p 0 -n 0")]
    [DataRow("no tokens", "logits -m MODEL")]
    [DataRow("found 'x'", "logits -m MODEL --tokens 1,x")]
    [DataRow("found '-3'", "logits -m MODEL --tokens 1,-3")]
    [DataRow("99999", "logits -m MODEL --tokens 1,99999")]
    [DataRow("cannot write /no/such/folder/x", "logits -m MODEL --tokens 1 --out /no/such/folder/x")]
    [DataRow("either --text or --file", "tokenize -m MODEL --text a --file b")]
    [DataRow("/no/such/file: no such file", "tokenize -m MODEL --file /no/such/file")]
    [DataRow("token 99999", "detokenize -m MODEL 99999")]
    [DataRow("FILE", "inspect")]
    public void WrongCommandLines(string expected, string arguments)
    {
        string[] split = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        CommandLine.AssertUsageError(CommandLine.Run([.. split.Select(text => text == "MODEL" ? s_model.File : text)]),
            expected.Replace("FILE", split is ["inspect"] ? "'inspect'" : "FILE", StringComparison.Ordinal));
    }

    [TestMethod]
    [DataRow("run", "-p", "x", "-m")]
    [DataRow("tokenize", "--text", "x", "-m")]
    [DataRow("inspect")]
    [DataRow("verify")]
    [DataRow("plan", "-m")]
    public void FilesThatAreNoModels(params string[] command)
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string text = Path.Combine(folder, "text.gguf"), empty = Path.Combine(folder, "empty.gguf"), cut = Path.Combine(folder, "cut.gguf");
            File.WriteAllText(text, "This is not a model, but a text file with a few words.");
            File.WriteAllText(empty, "");
            File.WriteAllBytes(cut, File.ReadAllBytes(s_model.File)[..5000]);
            CommandLine.AssertUsageError(CommandLine.Run([.. command, Path.Combine(folder, "missing.gguf")]), "missing.gguf", "no such file");
            CommandLine.AssertUsageError(CommandLine.Run([.. command, folder]), folder, "directory");
            CommandLine.AssertUsageError(CommandLine.Run([.. command, text]), "text.gguf", "magic");
            CommandLine.AssertUsageError(CommandLine.Run([.. command, empty]), "empty.gguf");
            CommandLine.AssertUsageError(CommandLine.Run([.. command, cut]), "cut.gguf");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    public void AnUnsupportedArchitecture()
    {
        using var other = new TinyModel(GgmlType.F32, GgmlType.F32, architecture: "perceptron\u001b[31m\n");
        CommandLine.Result result = CommandLine.Run("logits", "-m", other.File, "--tokens", "1");
        CommandLine.AssertUsageError(result, "perceptron");
        Assert.DoesNotContain("\u001b", result.Error); // a file's names do not steer the terminal
    }

    [TestMethod]
    public void AnUnsupportedType()
    {
        byte[] bytes = File.ReadAllBytes(s_model.File);
        byte[] name = Encoding.UTF8.GetBytes("output_norm.weight");
        int type = bytes.AsSpan().IndexOf(name) + name.Length + sizeof(uint) + sizeof(ulong); // behind the number of dimensions and the one
        BitConverter.TryWriteBytes(bytes.AsSpan(type), (uint)GgmlType.I32);
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, bytes);
        CommandLine.AssertUsageError(CommandLine.Run("logits", "-m", path, "--tokens", "1"), "output_norm.weight", "I32");
        File.Delete(path);
    }

    [TestMethod]
    public void AnEmptyFileOrPipeIsNoPrompt()
    {
        string file = Path.GetTempFileName();
        foreach (string content in (string[])["", "\n"])
        {
            File.WriteAllText(file, content);
            CommandLine.AssertUsageError(CommandLine.Run("run", "-m", s_model.File, "-f", file), $"{file}: expected a prompt, found an empty text");
            foreach (string[] from in (string[][])[[], ["-"], ["-f", "-"]])
                CommandLine.AssertUsageError(CommandLine.Run(["run", "-m", s_model.File, .. from], Encoding.UTF8.GetBytes(content)), "expected a prompt, found an empty text");
        }
        File.Delete(file);
        CommandLine.AssertUsageError(CommandLine.Run("chat", "-m", s_model.File, "--chat-template", "", "-p", "x"), "--chat-template");
        CommandLine.AssertUsageError(CommandLine.Run("run", "-m", s_model.File, "-p", "x", "--stop", ""), "a stop string is empty");
    }

    [TestMethod]
    public void APromptThatDoesNotFit()
    {
        CommandLine.AssertUsageError(CommandLine.Run("run", "-m", s_model.File, "-c", "4", "-p", "a long prompt"), "4");
        CommandLine.AssertUsageError(CommandLine.Run("logits", "-m", s_model.File, "-c", "2", "--tokens", "1,2,3"), "3", "2");
    }

    [TestMethod]
    [DataRow("sse9")]
    [DataRow("avx2,avx512")]
    public void AnUnknownInstructionSet(string name)
    {
        CommandLine.AssertUsageError(CommandLine.Run(["kernels"], null, ("EDGE_LLM_ISA", name)), name, "scalar");
        CommandLine.AssertUsageError(CommandLine.Run(["logits", "-m", s_model.File, "--tokens", "1"], null, ("EDGE_LLM_ISA", name)), name, "scalar");
    }

    [TestMethod]
    public void AnInstructionSetOfAnotherProcessor()
    {
        string foreign = System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported ? "avx2" : "advsimd";
        CommandLine.AssertUsageError(CommandLine.Run(["kernels"], null, ("EDGE_LLM_ISA", foreign)), foreign, "scalar");
    }

    [TestMethod]
    public void ALongMessageIsCut()
    {
        string name = new('a', 100_000);
        CommandLine.Result result = CommandLine.Run("inspect", name);
        CommandLine.AssertUsageError(result, "cannot open aaa", " ... ", "long");
        Assert.IsLessThan(3000, result.Error.Length);
    }

    [TestMethod]
    public void DebuggingShowsTheTrace()
    {
        CommandLine.Result result = CommandLine.Run(["inspect", "/no/such/file"], null, ("EDGE_LLM_DEBUG", "1"));
        Assert.AreEqual(2, result.ExitCode);
        StringAssert.Contains(result.Error, "   at ");
    }

    [TestMethod]
    public void HelpNamesEveryCommandAndHasExamples()
    {
        CommandLine.Result root = CommandLine.Run("--help");
        Assert.AreEqual(0, root.ExitCode);
        foreach (string name in (string[])["run", "chat", "tokenize", "detokenize", "logits", "bench", "inspect", "verify", "kernels", "plan", "quantize", "perplexity", "imatrix", "split", "merge", "convert", "pull", "list", "remove"])
        {
            StringAssert.Contains(root.Output, $"\n  {name} ");
            CommandLine.Result help = CommandLine.Run(name, "--help");
            Assert.AreEqual((0, ""), (help.ExitCode, help.Error));
            StringAssert.Contains(help.Output, "Examples:\n  edge-llm " + name);
        }
    }

    [TestMethod]
    public void TheVersionIsTheEngines() => Assert.AreEqual($"edge-llm {EngineVersion.Text}\n", CommandLine.Run("--version").Output);
}
