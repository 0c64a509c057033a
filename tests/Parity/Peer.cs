using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Edge.Llm.Tests.Parity;

/// <summary>llama.cpp's released libraries as the reference, by the shared folder's peer.py; and models made for the tests, kept in a
/// temporary folder of the run. Without EDGE_LLM_SHARED or python3 a test that asks is inconclusive.</summary>
internal static class Peer
{
    private static readonly Lazy<string> s_work = new(MakeWorkFolder);
    private static readonly Lock s_lock = new();

    /// <summary>The shared folder.</summary>
    public static string Shared
    {
        get
        {
            string? shared = Environment.GetEnvironmentVariable("EDGE_LLM_SHARED");
            if (string.IsNullOrEmpty(shared)) Assert.Inconclusive("EDGE_LLM_SHARED is not set: no reference to compare with");
            if (RuntimeInformation.OSArchitecture != Architecture.X64) Assert.Inconclusive("the reference libraries are for x64");
            return shared;
        }
    }

    /// <summary>A trained model of 260 thousand parameters.</summary>
    public static string Stories => Path.Combine(Shared, "models", "stories260K.gguf");

    /// <summary>A small model of an architecture with random weights.</summary>
    public static string MakeModel(string architecture, string type = "f32") =>
        Made($"{architecture}-{type}.gguf", path =>
            Python("make_gguf.py", architecture, path, "--preset", "tiny", "--dtype", type));

    /// <summary>That model, quantized by llama.cpp: every matrix of the type named, or its usual mix for names such as Q4_K_M.</summary>
    public static string Quantize(string model, string type, bool pure) =>
        Made($"{Path.GetFileNameWithoutExtension(model)}-{type}{(pure ? "-pure" : "")}.gguf", path =>
            Python("peer.py", ["quantize", model, path, type, .. pure ? ["--pure"] : Array.Empty<string>()]));

    /// <summary>Logits of every position: [tokens][n_vocab].</summary>
    public static float[] Logits(string model, IEnumerable<int> tokens, string cacheType = "f32")
    {
        string path = Path.Combine(s_work.Value, $"logits-{Guid.NewGuid():N}");
        string list = string.Join(',', tokens.Select(token => token.ToString(CultureInfo.InvariantCulture)));
        Python("peer.py", "logits", model, "--tokens", list, "--type-k", cacheType, "--type-v", cacheType, "--all", "--out", path, "--no-bos",
            "--fa", cacheType == "q8_0" ? "on" : "off");
        float[] logits = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path)).ToArray();
        File.Delete(path);
        return logits;
    }

    /// <summary>Greedy continuation of a prompt.</summary>
    public static JsonElement Generate(string model, string prompt, int count) =>
        Python("peer.py", "generate", model, "--prompt", prompt, "-n", count.ToString(CultureInfo.InvariantCulture), "--ignore-eog",
            "--type-k", "f32", "--type-v", "f32");

    private static string Made(string name, Action<string> make)
    {
        string path = Path.Combine(s_work.Value, name);
        lock (s_lock)
            if (!File.Exists(path)) make(path);
        return path;
    }

    private static JsonElement Python(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo("python3") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(Shared, "tools", "peer", script));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.AreEqual(0, process.ExitCode, $"{script} {string.Join(' ', arguments)}: {error.Result}");
            return output.StartsWith('{') ? JsonDocument.Parse(output).RootElement : default;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Inconclusive("python3 is not installed: no reference to compare with");
            throw;
        }
    }

    private static string MakeWorkFolder()
    {
        string folder = Directory.CreateTempSubdirectory("edge-llm-tests-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }
}
