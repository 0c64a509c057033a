using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Offload;

/// <summary>The server's log has where layers run, what plug-ins say, and what becomes of Ollama's num_gpu.</summary>
[TestClass]
public sealed class ServerLogTests
{
    [TestMethod]
    public async Task LayersPlugInsAndNumGpuAreInTheLog()
    {
        using var file = new TinyModel(GgmlType.F16, GgmlType.F16, chatTemplate: "{{ messages }}");
        string[] command = ["serve", "-m", $"tiny={file.File}", "--port", "0", "--log-json", "--quiet", "-ngl", "1", "--offload", ReferencePlugin.Path];
        using Process server = CommandLine.Start(command, ("EDGE_LLM_REFERENCE_FAULT", "log"));
        try
        {
            string address = (await MessageAsync(server, "listening at "))["listening at ".Length..];
            Assert.AreEqual("plug-in: a stage is made", await MessageAsync(server, "plug-in"));
            StringAssert.StartsWith(await MessageAsync(server, "offload: "), "offload: the output matrix on this processor");
            using var client = new HttpClient { BaseAddress = new Uri(address) };
            foreach (int layers in (int[])[-1, 1, 0, 99, 0])
            {
                object request = new { model = "tiny", prompt = "a", raw = true, stream = false, options = new { num_gpu = layers, num_predict = 1 } };
                using HttpResponseMessage answer = await client.PostAsJsonAsync("/api/generate", request);
                Assert.IsTrue(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            }
            StringAssert.Contains(await MessageAsync(server, "a request wants"), "wants 0 layers of 'tiny' on devices (num_gpu): it has 1");
            using JsonDocument running = JsonDocument.Parse(await client.GetStringAsync("/api/ps"));
            Assert.IsGreaterThan(0, running.RootElement.GetProperty("models")[0].GetProperty("size_vram").GetInt64());
        }
        finally
        {
            server.Kill();
        }
        Assert.DoesNotContain("num_gpu", await server.StandardError.ReadToEndAsync());
    }

    // The next message that begins so; every line of the log is JSON.
    private static async Task<string> MessageAsync(Process server, string start)
    {
        while (await server.StandardError.ReadLineAsync().WaitAsync(CommandLine.Patience) is { } line)
        {
            using JsonDocument document = JsonDocument.Parse(line);
            if (document.RootElement.GetProperty("message").GetString() is { } message && message.StartsWith(start, StringComparison.Ordinal)) return message;
        }
        throw new AssertFailedException($"the server ended without '{start}'");
    }
}
