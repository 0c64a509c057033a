using System.IO.Compression;
using System.Security.Cryptography;
using Edge.Llm.Tests.Offload;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Native;

/// <summary>The Python package: its own tests, on the sources and on the wheel.</summary>
[TestClass]
public sealed class PythonTests
{
    [TestMethod]
    public void ItsTestsPass() => Unittest(("EDGE_LLM_LIBRARY", NativeLibrary.File));

    [TestMethod]
    public void ItsTypeHintsHold()
    {
        if (!NativeLibrary.Has("mypy")) Assert.Inconclusive("no mypy here");
        NativeLibrary.Succeed("mypy", "--strict", "--cache-dir=/dev/null", Path.Combine(NativeLibrary.Root, "native-exports", "python", "edge_llm"));
    }

    [TestMethod]
    public void TheWheelCarriesTheLibraryAndItsTestsPass()
    {
        if (!Directory.Exists(Path.Combine(NativeLibrary.Artifacts, "baseline"))) Assert.Inconclusive("the baseline library was not published (EDGE_LLM_NATIVE)");
        string folder = Path.Combine(NativeLibrary.Scratch, "wheel"), site = Path.Combine(folder, "site");
        NativeLibrary.Succeed(Python(), Path.Combine(NativeLibrary.Root, "native-exports", "python", "build_wheel.py"), folder, NativeLibrary.Artifacts);
        string wheel = Directory.GetFiles(folder, "edge_llm-*-py3-none-manylinux_*.whl").Single();
        byte[] first = File.ReadAllBytes(wheel);
        NativeLibrary.Succeed(Python(), Path.Combine(NativeLibrary.Root, "native-exports", "python", "build_wheel.py"), folder, NativeLibrary.Artifacts);
        CollectionAssert.AreEqual(first, File.ReadAllBytes(wheel), "the same bytes each time");

        ZipFile.ExtractToDirectory(wheel, site);
        string[] record = File.ReadAllLines(Directory.GetFiles(site, "RECORD", SearchOption.AllDirectories).Single());
        Assert.AreEqual(Directory.GetFiles(site, "*", SearchOption.AllDirectories).Length, record.Length);
        foreach (string[] entry in record.Select(line => line.Split(',')).Where(entry => entry[1] != ""))
        {
            byte[] data = File.ReadAllBytes(Path.Combine(site, entry[0]));
            string digest = Convert.ToBase64String(SHA256.HashData(data)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
            Assert.AreEqual(($"sha256={digest}", $"{data.Length}"), (entry[1], entry[2]), entry[0]);
        }
        Unittest(("EDGE_LLM_PACKAGE", site));
        NativeLibrary.Result level = NativeLibrary.Run(Python(), ["-c", "import edge_llm; print(edge_llm.features().level)"], "", ("PYTHONPATH", site));
        Assert.AreEqual($"{Path.GetFileName(NativeLibrary.Best)}\n", level.Output, level.Error);
    }

    /// <summary>The log callback, here and in C.</summary>
    [TestMethod]
    public void TheLogIsToldThatADeviceWasLost()
    {
        const string Script = """
            import sys
            import edge_llm

            lines, answers = [], []
            with edge_llm.Model(sys.argv[1], n_gpu_layers=-1, offload=sys.argv[2], log=lambda level, text: lines.append((int(level), text))) as model:
                with edge_llm.Context(model, n_ctx=64) as context:
                    for _ in range(3):
                        try:
                            context.eval([3, 4])
                            answers.append("answer")
                        except edge_llm.EdgeLlmError as error:
                            answers.append(error.status.name)
            print(answers, [line for line in lines if "lost" in line[1]])
            """;
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16);
        NativeLibrary.Result result = NativeLibrary.Run(Python(), ["-c", Script, file.File, ReferencePlugin.Path], "", ("EDGE_LLM_LIBRARY", NativeLibrary.File),
            ("PYTHONPATH", Path.Combine(NativeLibrary.Root, "native-exports", "python")), ("PYTHONDONTWRITEBYTECODE", "1"), ("EDGE_LLM_REFERENCE_FAULT", "lost@1"));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        Assert.AreEqual("['PLUGIN_ERROR', 'answer', 'answer'] "
            + "[(2, 'offload: reference: EDGE_LLM_REFERENCE_FAULT asks for the fault lost; its layers run on the CPU from now on')]\n", result.Output);
    }

    private static void Unittest((string, string) environment)
    {
        NativeLibrary.Result result = NativeLibrary.Run(Python(),
            ["-W", "error", "-m", "unittest", "discover", Path.Combine(NativeLibrary.Root, "native-exports", "python", "tests")], "",
            environment, ("PYTHONDONTWRITEBYTECODE", "1"));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.StartsWith(result.Error.TrimEnd().Split('\n')[^1], "OK"); // without a C compiler some are skipped
    }

    private static string Python() => NativeLibrary.Has("python3") ? "python3" : throw new AssertInconclusiveException("no python3 here");
}
