using System.Globalization;
using System.Runtime.InteropServices;

namespace Edge.Llm.Tests.Support;

/// <summary>A small model described by a text: metadata, then tensors with shape, mean and spread of their values. The same text makes the
/// same file everywhere.</summary>
internal static class ModelSpecFile
{
    private static readonly string s_folder = Path.Combine(RepositoryFiles.Root(), "tests", "data", "architectures");

    /// <summary>The models there are.</summary>
    public static IEnumerable<string> Names => Directory.GetFiles(s_folder, "*.txt").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal);

    /// <summary>The architecture of a model, which its first line names.</summary>
    public static string Architecture(string name) => File.ReadLines(Path.Combine(s_folder, name + ".txt")).First().Split(' ')[2];

    /// <summary>The bytes of a model's GGUF file.</summary>
    /// <param name="name">The text's name.</param>
    /// <param name="edit">Replaces lines of the text.</param>
    /// <param name="withTokens">Whether it gets a tokenizer: of characters, as far as its vocabulary goes.</param>
    public static byte[] Make(string name, Func<string, string?>? edit = null, bool withTokens = false)
    {
        IEnumerable<string> text = File.ReadAllLines(Path.Combine(s_folder, name + ".txt"));
        if (edit is not null) text = text.Select(edit).OfType<string>().SelectMany(line => line.Split('\n'));
        string[] lines = [.. text];
        int blank = Array.IndexOf(lines, "");
        var writer = new GgufWriter();
        foreach (string line in lines[..blank]) AddMetadata(writer, line);
        if (withTokens) AddTokens(writer, lines);
        var contents = new Dictionary<string, Func<long, float>>();
        foreach (string line in lines[(blank + 1)..]) AddTensors(writer, line, contents);
        using var stream = new MemoryStream();
        writer.WriteTo(stream, (tensor, output) =>
        {
            var values = new float[tensor.Elements];
            for (long i = 0; i < values.Length; i++) values[i] = contents[tensor.Name](i);
            output.Write(MemoryMarshal.AsBytes<float>(values));
        });
        return stream.ToArray();
    }

    /// <summary>An edit for <see cref="Make"/>: matrices get rows of one super-block, and two of them. Such a model does not run; it has the names
    /// and keys of one that fills whole super-blocks.</summary>
    public static string WidenRows(string line)
    {
        string[] parts = line.Split(' ');
        int at = parts.Length > 1 && parts[1].StartsWith('@') ? 2 : 1;
        if (parts.Length < at + 3 || parts[at + 1] == "=") return line;
        string[] shape = parts[at].Split(',');
        if (!Array.TrueForAll(shape, length => int.TryParse(length, out _)) || shape.Length < 2) return line;
        shape[0] = "256";
        if (shape[1] != "1") shape[1] = "2";
        parts[at] = string.Join(',', shape);
        return string.Join(' ', parts);
    }

    private static void AddTokens(GgufWriter writer, string[] lines)
    {
        string embedding = lines.First(line => line.StartsWith("token_embd.weight ", StringComparison.Ordinal));
        int count = int.Parse(embedding.Split(' ')[1].Split(',')[1], CultureInfo.InvariantCulture);
        string[] texts = ["<unk>", "<s>", "</s>", "▁", .. Enumerable.Range('!', '~' - '!' + 1).Select(code => ((char)code).ToString())];
        writer.AddMetadata("tokenizer.ggml.model", "llama");
        writer.AddMetadata("tokenizer.ggml.tokens", (string[])[.. texts.Take(count), .. Enumerable.Range(0, Math.Max(0, count - texts.Length)).Select(i => $"word{i}")]);
        writer.AddMetadata("tokenizer.ggml.scores", new float[count]);
        writer.AddMetadata("tokenizer.ggml.token_type", (int[])[.. Enumerable.Range(0, count).Select(id => id == 0 ? 2 : id < 3 ? 3 : 1)]);
    }

    private static void AddMetadata(GgufWriter writer, string line)
    {
        string[] parts = line.Split(' ', 3);
        (string key, string value) = (parts[0], parts[2]);
        string[] list = value.Split(',');
        switch (parts[1])
        {
            case "bool": writer.AddMetadata(key, bool.Parse(value)); break;
            case "int" when value.StartsWith('-'): writer.AddMetadata(key, int.Parse(value, CultureInfo.InvariantCulture)); break;
            case "int": writer.AddMetadata(key, uint.Parse(value, CultureInfo.InvariantCulture)); break;
            case "float": writer.AddMetadata(key, Number(value)); break;
            case "text": writer.AddMetadata(key, value); break;
            case "bools": writer.AddMetadata(key, Array.ConvertAll(list, bool.Parse)); break;
            case "ints": writer.AddMetadata(key, Array.ConvertAll(list, text => int.Parse(text, CultureInfo.InvariantCulture))); break;
            case "floats": writer.AddMetadata(key, Array.ConvertAll(list, Number)); break;
            case "texts": writer.AddMetadata(key, list); break;
            default: throw new FormatException(line);
        }
    }

    // NAME [@LAYERS] SHAPE MEAN SPREAD, or SHAPE = VALUES.
    private static void AddTensors(GgufWriter writer, string line, Dictionary<string, Func<long, float>> contents)
    {
        string[] parts = line.Split(' ');
        int at = 1;
        string[] names = [parts[0]];
        if (parts[1].StartsWith('@')) names = [.. parts[at++][1..].Split(',').Select(layer => parts[0].Replace("*", layer, StringComparison.Ordinal))];
        long[] shape = Array.ConvertAll(parts[at++].Split(','), text => long.Parse(text, CultureInfo.InvariantCulture));
        foreach (string name in names)
        {
            writer.AddTensor(name, GgmlType.F32, shape);
            if (parts[at] == "=")
            {
                float[] values = Array.ConvertAll(parts[at + 1].Split(','), Number);
                contents.Add(name, i => values[i]);
            }
            else
            {
                (float mean, float spread) = (Number(parts[at]), Number(parts[at + 1]));
                uint seed = name.Aggregate(2166136261u, (hash, c) => (hash ^ c) * 16777619u); // FNV-1a
                contents.Add(name, i => mean + (spread * Uniform(seed + (ulong)i)));
            }
        }
    }

    // Between minus and plus the root of 3, which makes the variance 1 (SplitMix64).
    private static float Uniform(ulong i)
    {
        ulong z = (i + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (float)((((z >> 40) * (2.0 / (1 << 24))) - 1) * 1.7320508);
    }

    private static float Number(string text) => float.Parse(text, CultureInfo.InvariantCulture);
}
