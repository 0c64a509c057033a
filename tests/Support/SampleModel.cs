using System.Runtime.InteropServices;
using Edge.Llm.Quantization;

namespace Edge.Llm.Tests.Support;

/// <summary>The shape of a language model that exists to be quantized: real names and keys, rows of a chosen width, hardly any of them.</summary>
internal sealed record SampleModel
{
    public string Architecture { get; init; } = "llama";
    public int Layers { get; init; } = 2;
    public int Heads { get; init; } = 4;
    public int HeadsKv { get; init; } = 4;
    public int Experts { get; init; }
    public bool Tied { get; init; }
    public bool FusedQkv { get; init; }
    public int Width { get; init; } = 256;
    public int Rows { get; init; } = 2;
    public GgmlType Type { get; init; } = GgmlType.F32;
    public Func<string, Random, float> Value { get; init; } = (_, random) => (float)(random.NextDouble() - 0.5);

    /// <summary>More keys, below the architecture's.</summary>
    public (string Key, int Value)[] MoreKeys { get; init; } = [];

    /// <summary>More tensors.</summary>
    public (string Name, long[] Dimensions)[] Extra { get; init; } = [];

    /// <summary>Name and dimensions of every tensor.</summary>
    public IEnumerable<(string Name, long[] Dimensions)> Tensors()
    {
        long[] matrix = [Width, Rows], vector = [Width], experts = [Width, Rows, Experts];
        yield return ("token_embd.weight", matrix);
        for (int i = 0; i < Layers; i++)
        {
            string p = $"blk.{i}.";
            yield return (p + "attn_norm.weight", vector);
            foreach (string name in (string[])(FusedQkv ? ["attn_qkv"] : ["attn_q", "attn_k", "attn_v"])) yield return (p + name + ".weight", matrix);
            yield return (p + "attn_output.weight", matrix);
            yield return (p + "ffn_norm.weight", vector);
            if (Experts > 0) yield return (p + "ffn_gate_inp.weight", [Width, Experts]);
            foreach (string name in (string[])["ffn_gate", "ffn_up", "ffn_down"])
                yield return Experts > 0 ? (p + name + "_exps.weight", experts) : (p + name + ".weight", matrix);
        }
        yield return ("output_norm.weight", vector);
        if (!Tied) yield return ("output.weight", matrix);
        foreach ((string, long[]) tensor in Extra) yield return tensor;
    }

    /// <summary>Writes the file; <paramref name="keys"/> may add metadata.</summary>
    public string Write(string path, Action<GgufWriter>? keys = null)
    {
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", Architecture);
        foreach ((string key, int value) in ((string, int)[])[("vocab_size", Rows), ("context_length", 512), ("embedding_length", Width), ("block_count", Layers),
            ("feed_forward_length", Width), ("attention.head_count", Heads), ("attention.head_count_kv", HeadsKv), ("expert_count", Experts),
            ("expert_used_count", Math.Min(Experts, 2)), ("rope.dimension_count", Width / Heads), .. MoreKeys])
            writer.AddMetadata($"{Architecture}.{key}", (uint)value);
        writer.AddMetadata($"{Architecture}.attention.layer_norm_rms_epsilon", 1e-5f);
        writer.AddMetadata($"{Architecture}.attention.layer_norm_epsilon", 1e-5f);
        keys?.Invoke(writer);
        foreach ((string name, long[] dimensions) in Tensors()) writer.AddTensor(name, dimensions.Length == 1 ? GgmlType.F32 : Type, dimensions);
        using FileStream stream = File.Create(path);
        writer.WriteTo(stream, (tensor, output) => output.Write(Data(tensor)));
        return path;
    }

    /// <summary>The values of a tensor of any type.</summary>
    public static unsafe float[] Floats(Tensor tensor)
    {
        var values = new float[tensor.Elements];
        int k = (int)tensor.Ne0;
        fixed (float* y = values)
            for (int row = 0; row < values.Length / k; row++)
                RowEncoders.For(Isa.Scalar).Read(tensor.Type, tensor.Pointer + row * tensor.RowBytes, k, y + row * k);
        return values;
    }

    private byte[] Data(Tensor tensor)
    {
        var random = new Random(tensor.Name.Sum(c => c));
        var values = new float[tensor.Elements];
        for (int i = 0; i < values.Length; i++) values[i] = Value(tensor.Name, random);
        if (tensor.Type == GgmlType.F32) return MemoryMarshal.AsBytes<float>(values).ToArray();
        return tensor.Type == GgmlType.F16
            ? MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, value => (Half)value)).ToArray()
            : throw new ArgumentException($"type {tensor.Type}", nameof(tensor));
    }
}
