using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>Plug-ins on the command line: each is tried in a process of its own first.</summary>
[TestClass]
public sealed class DevicesCommandTests
{
    private const string Variable = "EDGE_LLM_REFERENCE_FAULT";

    [TestMethod]
    public void DevicesAreListed()
    {
        CommandLine.Result result = CommandLine.Run("devices", "--offload", ReferencePlugin.Path, "--json");
        Assert.AreEqual(0, result.ExitCode, result.Error);
        using JsonDocument document = JsonDocument.Parse(result.Output);
        JsonElement device = document.RootElement[0].GetProperty("devices")[0];
        Assert.AreEqual("Processor", device.GetProperty("kind").GetString());
        Assert.IsTrue(device.GetProperty("exact").GetBoolean());
        StringAssert.Contains(CommandLine.Run("devices").Output, "no offload plug-in");
    }

    [TestMethod]
    [DataRow("crash-load", "crashed")]
    [DataRow("entry", "cannot be used")]
    [DataRow("version", "expected")]
    public void APlugInThatIsBrokenIsSaidToBe(string fault, string expected)
    {
        CommandLine.Result result = CommandLine.Run(["devices", "--offload", ReferencePlugin.Path], null, (Variable, fault));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.Contains(result.Output, expected);
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16);
        CommandLine.Result run = CommandLine.Run(["logits", "-m", file.File, "--tokens", "3,4", "--offload", ReferencePlugin.Path], null, (Variable, fault));
        Assert.AreEqual(1, run.ExitCode, run.Error);
        StringAssert.Contains(run.Error, expected);
    }

    [TestMethod]
    public void LayersOnADeviceGiveTheSameHash()
    {
        using var file = new TinyModel(GgmlType.Q4_K, GgmlType.Q6_K);
        string[] command = ["logits", "-m", file.File, "--tokens", "3,4,5,6", "-c", "64"];
        string expected = CommandLine.Run(command).Output;
        CommandLine.Result result = CommandLine.Run([.. command, "--offload", ReferencePlugin.Path, "-ngl", "2", "--no-offload-kqv"]);
        Assert.AreEqual(expected, result.Output, result.Error);
        StringAssert.Contains(result.Error, "layer 1 and the output matrix");
        result = CommandLine.Run(["plan", "-m", file.File, "-c", "64", "--offload", ReferencePlugin.Path, "--json"]);
        using JsonDocument plan = JsonDocument.Parse(result.Output);
        Assert.AreEqual(TinyModel.Layers, plan.RootElement.GetProperty("offload")[0].GetProperty("layers").GetInt32());
    }

    [TestMethod]
    public async Task AServerSaysThatADeviceWasLostAndGoesOn()
    {
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16, chatTemplate: "{{ messages }}");
        using Process process = CommandLine.Start(["serve", "-m", file.File, "-c", "128", "--port", "0", "--quiet", "--offload", ReferencePlugin.Path], (Variable, "lost@2"));
        try
        {
            string? line, address = null;
            while (address is null && (line = await process.StandardError.ReadLineAsync()) is not null)
                if (line.IndexOf("http://", StringComparison.Ordinal) is >= 0 and int at) address = line[at..];
            using var client = new HttpClient();
            foreach (bool works in (bool[])[false, true])
            {
                using var body = new StringContent("""{"prompt":"abc","max_tokens":4}""", Encoding.UTF8, "application/json");
                using HttpResponseMessage answer = await client.PostAsync($"{address}/v1/completions", body);
                Assert.AreEqual(works, answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            }
        }
        finally
        {
            process.Kill();
        }
        StringAssert.Contains(await process.StandardError.ReadToEndAsync(), "edge-llm: offload: reference: EDGE_LLM_REFERENCE_FAULT asks for the fault lost; its layers run on the CPU from now on\n");
    }

    [TestMethod]
    public void LayersWithoutAPlugInAreRefusedOrSaidToStay()
    {
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16);
        CommandLine.Result some = CommandLine.Run("logits", "-m", file.File, "--tokens", "3", "-ngl", "4");
        Assert.AreNotEqual(0, some.ExitCode);
        StringAssert.Contains(some.Error, "no offload plug-in");
        CommandLine.Result all = CommandLine.Run("logits", "-m", file.File, "--tokens", "3", "-ngl", "-1");
        Assert.AreEqual(0, all.ExitCode, all.Error);
        StringAssert.Contains(all.Error, "all layers stay on the CPU");
        Assert.AreNotEqual(0, CommandLine.Run("logits", "-m", file.File, "--tokens", "3", "--offload", file.File).ExitCode);
    }
}
