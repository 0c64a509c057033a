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

    /// <summary>What a plug-in prints, and processes that it leaves behind, are no answer, and hold nobody up.</summary>
    [TestMethod]
    [DataRow("print")]
    [DataRow("child")]
    public void APlugInMayPrintAndLeaveProcessesBehind(string fault)
    {
        CommandLine.Result result = CommandLine.Run(["devices", "--offload", ReferencePlugin.Path, "--json"], null, (Variable, fault));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        using JsonDocument document = JsonDocument.Parse(result.Output);
        Assert.AreEqual("Processor", document.RootElement[0].GetProperty("devices")[0].GetProperty("kind").GetString(), result.Output);
    }

    [TestMethod]
    public void ABrokenDeviceIsSaidToBeAndTheOthersAreListed()
    {
        string[] command = ["devices", "--offload", ReferencePlugin.Path];
        CommandLine.Result result = CommandLine.Run(command, null, (Variable, "devices=2,device=0,exact"));
        string[] lines = result.Output.TrimEnd().Split('\n');
        Assert.HasCount(3, lines, result.Output);
        StringAssert.Contains(lines[1], "0  cannot be used: reference: ");
        StringAssert.Contains(lines[2], "do not round ?as"); // a line break and an escape
        using JsonDocument document = JsonDocument.Parse(CommandLine.Run([.. command, "--json"], null, (Variable, "devices=2,device=1")).Output);
        JsonElement devices = document.RootElement[0].GetProperty("devices");
        Assert.IsFalse(devices[0].TryGetProperty("error", out _));
        StringAssert.Contains(devices[1].GetProperty("error").GetString(), "fault device");
    }

    [TestMethod]
    public void AutoRefusesANumberThatThePlugInDoesNotHave()
    {
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16);
        string[] command = ["logits", "-m", file.File, "--tokens", "3", "-ngl", "-1", "--offload-devices", "2"];
        CommandLine.Result result = CommandLine.Run(command, null, (Variable, "gpu"), (OffloadPlugins.Variable, ReferencePlugin.Path));
        Assert.AreEqual(2, result.ExitCode, result.Error);
        StringAssert.Contains(result.Error, "device 2: reference has 1");
    }

    [TestMethod]
    public void WhatAPlugInLogsIsALineOfStandardError()
    {
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16);
        CommandLine.Result result = CommandLine.Run(["logits", "-m", file.File, "--tokens", "3", "--offload", ReferencePlugin.Path], null, (Variable, "log"));
        Assert.AreEqual(0, result.ExitCode, result.Error);
        StringAssert.Contains(result.Error, "edge-llm: plug-in: a stage is made\n");
    }

    [TestMethod]
    public void APlanHasTheModelThatDrafts()
    {
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16);
        long own = Total(), both = Total("--draft-model", file.File);
        Assert.IsGreaterThan(own * 3 / 2, both);

        long Total(params string[] options)
        {
            CommandLine.Result result = CommandLine.Run(["plan", "-m", file.File, "-c", "64", "--json", .. options]);
            using JsonDocument plan = JsonDocument.Parse(result.Output);
            return plan.RootElement.GetProperty("total_bytes").GetInt64();
        }
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
