using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text;

namespace Edge.Llm.Tests.Support;

/// <summary>The reference tools: made models, and llama.cpp's answers for them.</summary>
internal static class Peer
{
    private static readonly object s_gate = new();
    private static readonly Lazy<string> s_folder = new(() =>
    {
        string folder = Directory.CreateTempSubdirectory("edge-llm-tests-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    });

    /// <summary>The trained model.</summary>
    public static string Stories() => Settings.Shared("models", "stories260K.gguf");

    /// <summary>A small model with random weights, made once a test run.</summary>
    public static string MakeModel(string architecture, string type)
    {
        string path = Path.Combine(s_folder.Value, $"{architecture}-{type}.gguf");
        lock (s_gate)
            if (!File.Exists(path) && OwnModels.Contains(architecture)) WriteOwn(architecture, path);
            else if (!File.Exists(path)) Run("make_gguf.py", architecture, path, "--dtype", type);
        return path;
    }

    /// <summary>Models that make_gguf.py does not make: the suite's own small ones, in F32 and without a vocabulary.</summary>
    public static IReadOnlyList<string> OwnModels { get; } = ["arctic", "grok", "deepseek2-ocr"];

    private static void WriteOwn(string architecture, string path)
    {
        const string First = "general.architecture ", NoVocabulary = "\ntokenizer.ggml.model text no_vocab";
        File.WriteAllBytes(path, ModelSpecFile.Make(architecture, line => line.StartsWith(First, StringComparison.Ordinal) ? line + NoVocabulary : line));
    }

    /// <summary>A file with one of make_gguf.py's own vocabularies, made once a test run.</summary>
    public static string MakeVocabulary(string name)
    {
        string path = Path.Combine(s_folder.Value, $"vocabulary-{name}.gguf");
        lock (s_gate)
            if (!File.Exists(path)) Run("make_gguf.py", "llama", path, "--vocab", name);
        return path;
    }

    /// <summary>A model quantized by llama.cpp: all matrices of one type, or for names such as Q4_K_M its usual mix.</summary>
    public static string Quantize(string model, string type)
    {
        string path = Path.ChangeExtension(model, $"{type}.gguf");
        string[] pure = type.EndsWith("_M", StringComparison.Ordinal) || type.EndsWith("_S", StringComparison.Ordinal) ? [] : ["--pure"];
        lock (s_gate)
            if (!File.Exists(path)) Run("peer.py", ["quantize", model, path, type, .. pure]);
        return path;
    }

    /// <summary>A model whose matrices llama.cpp quantized to one tensor type, with all inputs equally important: some types demand an
    /// importance matrix.</summary>
    public static string Quantize(string model, GgmlType type)
    {
        string path = Path.ChangeExtension(model, $"all.{type}.gguf"), importance = Path.ChangeExtension(model, "imatrix");
        lock (s_gate)
        {
            if (!File.Exists(importance)) WriteImportance(model, importance);
            // The file type is the one that demands nothing; every matrix is overridden.
            if (!File.Exists(path)) Run("peer.py", "quantize", model, path, "Q8_0", "--imatrix", importance, "--tensor-type", $".*={type}");
        }
        return path;
    }

    /// <summary>llama.cpp's logits at every position, with a cache of this type.</summary>
    public static float[] Logits(string model, IEnumerable<int> tokens, string cacheType = "f32") =>
        Logits(Settings.Shared("tools", "peer", "peer.py"), [], model, tokens, cacheType);

    /// <summary>The same of a model with adapters, each with a scale.</summary>
    public static float[] LogitsWithAdapters(string model, IEnumerable<int> tokens, params (string File, float Scale)[] adapters)
    {
        string list = string.Join(',', adapters.Select(adapter => string.Create(CultureInfo.InvariantCulture, $"{adapter.File}={adapter.Scale}")));
        return Logits(Path.Combine(RepositoryFiles.Root(), "tests", "Parity", "lora.py"), [list], model, tokens, "f32");
    }

    private static float[] Logits(string script, string[] first, string model, IEnumerable<int> tokens, string cacheType)
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Run(script, [], [.. first, "logits", model, "--tokens", Join(tokens), "--type-k", cacheType, "--type-v", cacheType,
                "--fa", cacheType.Contains('q') ? "on" : "off", "--all", "--out", file]);
            return MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(file)).ToArray();
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>llama.cpp's mean of the hidden states of these tokens, or, with null, what the model's own pooling makes of them.</summary>
    public static float[] Embed(string model, IEnumerable<int> tokens, string? pooling = "mean")
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            string[] way = pooling is null ? [] : ["--pooling", pooling];
            Run("peer.py", ["embed", model, "--tokens", Join(tokens), "--type-k", "f32", "--type-v", "f32", .. way, "--out", file]);
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

    /// <summary>llama.cpp's perplexity of a text, and its standard error.</summary>
    public static (double Perplexity, double StandardError) Perplexity(string model, string textFile, int chunkSize)
    {
        using JsonDocument json = JsonDocument.Parse(Run("peer.py", "perplexity", model, "--text-file", textFile,
            "--ctx", chunkSize.ToString(CultureInfo.InvariantCulture)));
        return (json.RootElement.GetProperty("perplexity").GetDouble(), json.RootElement.GetProperty("stderr").GetDouble());
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

    /// <summary>What a block dequantizes to, by llama.cpp.</summary>
    public static float[] Dequantize(GgmlType type, byte[] blocks) =>
        MemoryMarshal.Cast<byte, float>(Run(Path.Combine(RepositoryFiles.Root(), "tools", "ggml-formats.py"), blocks, "dequantize", type.ToString())).ToArray();

    // The older of llama.cpp's two formats: a count; name, calls, width and values of each matrix; a count of chunks.
    private static void WriteImportance(string model, string path)
    {
        using GgufFile file = GgufFile.Open(model);
        using var writer = new BinaryWriter(File.Create(path));
        Tensor[] matrices = [.. file.Tensors.Where(tensor => tensor.Ne1 > 1)];
        writer.Write(matrices.Length);
        foreach (Tensor matrix in matrices)
        {
            writer.Write(matrix.Name.Length);
            writer.Write(Encoding.ASCII.GetBytes(matrix.Name));
            writer.Write(1);
            writer.Write((int)matrix.Ne0);
            for (int i = 0; i < matrix.Ne0; i++) writer.Write(1f);
        }
        writer.Write(1);
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(element => element.GetInt32())];

    private static string Join(IEnumerable<int> tokens) => string.Join(',', tokens.Select(token => token.ToString(CultureInfo.InvariantCulture)));

    private static string Run(string tool, params string[] arguments) =>
        Encoding.UTF8.GetString(Run(Settings.Shared("tools", "peer", tool), [], arguments));

    private static byte[] Run(string script, byte[] input, params string[] arguments)
    {
        _ = Settings.Shared();
        var start = new ProcessStartInfo("python3") { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(script);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        Assert.AreEqual(0, process.ExitCode, $"{Path.GetFileName(script)} {string.Join(' ', arguments)}");
        return output.ToArray();
    }
}
