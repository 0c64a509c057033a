using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Quantization;

/// <summary>llama.cpp's quantizer, in a process that does one file after the other: peer_types.py has the keys of a job.</summary>
internal sealed class PeerQuantizer : IDisposable
{
    private readonly Process _process;

    public PeerQuantizer([CallerFilePath] string thisFile = "")
    {
        var start = new ProcessStartInfo("python3") { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(Path.GetDirectoryName(thisFile)!, "peer_types.py"));
        start.ArgumentList.Add(Settings.Shared("tools", "peer"));
        _process = Process.Start(start)!;
    }

    /// <summary>Each tensor's type, or null where it refuses.</summary>
    public Dictionary<string, string>? Run(Dictionary<string, object> job)
    {
        _process.StandardInput.WriteLine(JsonSerializer.Serialize(job));
        _process.StandardInput.Flush();
        string answer = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the peer died");
        using JsonDocument json = JsonDocument.Parse(answer);
        return json.RootElement.TryGetProperty("types", out JsonElement types)
            ? types.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!) : null;
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.Dispose();
    }
}
