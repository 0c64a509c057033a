using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Edge.Llm.Tests.Api;

/// <summary>The reference tools: made models, and llama.cpp's answers for them.</summary>
internal static class Peer
{
    private static readonly string s_folder = Path.Combine(Path.GetTempPath(), $"edge-llm-tests-{Environment.ProcessId}");

    private static string Shared => Environment.GetEnvironmentVariable("EDGE_LLM_SHARED") ?? Missing();

    /// <summary>The trained model.</summary>
    public static string Stories() => Path.Combine(Shared, "models", "stories260K.gguf");

    /// <summary>A small model with random weights, made once a test run.</summary>
    public static string MakeModel(string architecture, string type)
    {
        string path = Path.Combine(s_folder, $"{architecture}-{type}.gguf");
        lock (s_folder)
        {
            if (!Directory.Exists(s_folder))
            {
                Directory.CreateDirectory(s_folder);
                AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(s_folder, recursive: true);
            }
            if (!File.Exists(path)) Run("make_gguf.py", architecture, path, "--dtype", type);
        }
        return path;
    }

    /// <summary>A model quantized by llama.cpp: all matrices of one type, or for names such as Q4_K_M its usual mix.</summary>
    public static string Quantize(string model, string type)
    {
        string path = Path.ChangeExtension(model, $"{type}.gguf");
        string[] pure = type.EndsWith("_M", StringComparison.Ordinal) || type.EndsWith("_S", StringComparison.Ordinal) ? [] : ["--pure"];
        lock (s_folder)
            if (!File.Exists(path)) Run("peer.py", ["quantize", model, path, type, .. pure]);
        return path;
    }

    /// <summary>llama.cpp's logits at every position, with a cache of this type.</summary>
    public static float[] Logits(string model, IEnumerable<int> tokens, string cacheType = "f32")
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Run("peer.py", "logits", model, "--tokens", Join(tokens), "--type-k", cacheType, "--type-v", cacheType,
                "--fa", cacheType == "q8_0" ? "on" : "off", "--all", "--out", file);
            return MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(file)).ToArray();
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>llama.cpp's mean of the hidden states of these tokens.</summary>
    public static float[] Embed(string model, IEnumerable<int> tokens)
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Run("peer.py", "embed", model, "--tokens", Join(tokens), "--type-k", "f32", "--type-v", "f32", "--pooling", "mean", "--out", file);
            return MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(file)).ToArray();
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>llama.cpp's greedy continuation: the prompt's tokens and the generated ones.</summary>
    public static (int[] Prompt, int[] Generated) Generate(string model, string prompt, int count)
    {
        using JsonDocument json = JsonDocument.Parse(Run("peer.py", "generate", model, "--prompt", prompt, "-n", count.ToString(CultureInfo.InvariantCulture),
            "--ignore-eog", "--type-k", "f32", "--type-v", "f32"));
        return (Ints(json.RootElement.GetProperty("prompt_tokens")), Ints(json.RootElement.GetProperty("tokens")));
    }

    /// <summary>How far apart two vectors are: |found - expected| / |expected|, Euclidean.</summary>
    public static double RelativeDifference(ReadOnlySpan<float> found, ReadOnlySpan<float> expected)
    {
        double difference = 0, size = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow((double)found[i] - expected[i], 2);
            size += Math.Pow(expected[i], 2);
        }
        return Math.Sqrt(difference / size);
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(element => element.GetInt32())];

    private static string Join(IEnumerable<int> tokens) => string.Join(',', tokens.Select(token => token.ToString(CultureInfo.InvariantCulture)));

    private static string Run(string tool, params string[] arguments)
    {
        var start = new ProcessStartInfo("python3") { RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(Shared, "tools", "peer", tool));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.AreEqual(0, process.ExitCode, $"{tool} {string.Join(' ', arguments)}");
        return output;
    }

    private static string Missing()
    {
        Assert.Inconclusive("EDGE_LLM_SHARED is not set");
        return "";
    }
}
