using Edge.Llm.Kernels;
using Edge.Llm.Tests.Kernels;

namespace Edge.Llm.Tests.Support;

/// <summary>A Llama with random weights, small enough to make in a test, with shapes that are not round.</summary>
internal sealed class TinyModel : IDisposable
{
    public const int Layers = 2, Heads = 6, HeadsKv = 2, HeadDim = 40, Vocab = 131, Context = 512;

    private readonly int _embd, _ff;

    /// <summary>Writes the file. <paramref name="change"/> may alter a tensor's name (null leaves it out) and
    /// dimensions; <paramref name="extra"/> is one more; <paramref name="biases"/> gives each matrix of the layers a bias; with
    /// <paramref name="chatTemplate"/> it also has a tokenizer.</summary>
    public TinyModel(GgmlType type, GgmlType downType, string architecture = "llama", Func<Tensor, Tensor?>? change = null, Tensor? extra = null,
        string? chatTemplate = null, bool biases = false)
    {
        bool blocks = type is not (GgmlType.F32 or GgmlType.F16 or GgmlType.BF16);
        _embd = blocks ? 256 : 72;
        _ff = blocks ? 512 : 172;
        int q = blocks ? 256 : Heads * HeadDim, heads = blocks ? 4 : Heads, headDim = q / heads;
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", architecture);
        writer.AddMetadata("llama.context_length", Context);
        writer.AddMetadata("llama.embedding_length", _embd);
        writer.AddMetadata("llama.block_count", Layers);
        writer.AddMetadata("llama.feed_forward_length", _ff);
        writer.AddMetadata("llama.attention.head_count", heads);
        writer.AddMetadata("llama.attention.head_count_kv", HeadsKv);
        writer.AddMetadata("llama.attention.key_length", headDim);
        writer.AddMetadata("llama.attention.value_length", headDim);
        writer.AddMetadata("llama.attention.layer_norm_rms_epsilon", 1e-5f);
        if (chatTemplate is not null) AddTokenizer(writer, chatTemplate);
        var tensors = new List<Tensor> { Of("token_embd.weight", type, _embd, Vocab), Of("output_norm.weight", GgmlType.F32, _embd) };
        for (int i = 0; i < Layers; i++)
        {
            tensors.Add(Of($"blk.{i}.attn_norm.weight", GgmlType.F32, _embd));
            tensors.Add(Of($"blk.{i}.attn_q.weight", type, _embd, q));
            tensors.Add(Of($"blk.{i}.attn_k.weight", type, _embd, HeadsKv * headDim));
            tensors.Add(Of($"blk.{i}.attn_v.weight", type, _embd, HeadsKv * headDim));
            tensors.Add(Of($"blk.{i}.attn_output.weight", type, q, _embd));
            tensors.Add(Of($"blk.{i}.ffn_norm.weight", GgmlType.F32, _embd));
            tensors.Add(Of($"blk.{i}.ffn_gate.weight", type, _embd, _ff));
            tensors.Add(Of($"blk.{i}.ffn_up.weight", type, _embd, _ff));
            tensors.Add(Of($"blk.{i}.ffn_down.weight", downType, _ff, _embd));
        }
        if (biases)
            foreach (Tensor matrix in tensors.FindAll(tensor => tensor.Name.StartsWith("blk.", StringComparison.Ordinal) && tensor.Ne1 > 1))
                tensors.Add(Of(matrix.Name.Replace(".weight", ".bias", StringComparison.Ordinal), GgmlType.F32, matrix.Ne1));
        if (extra is { } more) tensors.Add(more);
        foreach (Tensor tensor in tensors)
            if ((change is null ? tensor : change(tensor)) is { } changed)
                writer.AddTensor(changed.Name, changed.Type, changed.Ne0, changed.Ne1);
        File = Path.GetTempFileName();
        using FileStream stream = System.IO.File.Create(File);
        writer.WriteTo(stream, (tensor, output) => output.Write(Data(tensor)));
    }

    public string File { get; }

    public void Dispose() => System.IO.File.Delete(File);

    // A token a character, and no word: SentencePiece without merges.
    private static void AddTokenizer(GgufWriter writer, string chatTemplate)
    {
        string[] characters = [.. Enumerable.Range('!', '~' - '!' + 1).Concat(Enumerable.Range(0xA1, Vocab)).Select(code => ((char)code).ToString())];
        string[] texts = [.. ((string[])["<unk>", "<s>", "</s>", "▁", .. characters]).Take(Vocab)];
        writer.AddMetadata("tokenizer.ggml.model", "llama");
        writer.AddMetadata("tokenizer.ggml.tokens", texts);
        writer.AddMetadata("tokenizer.ggml.scores", new float[Vocab]);
        writer.AddMetadata("tokenizer.ggml.token_type", [.. Enumerable.Range(0, Vocab).Select(id => id == 0 ? 2 : id < 3 ? 3 : 1)]);
        writer.AddMetadata("tokenizer.chat_template", chatTemplate);
    }

    private static Tensor Of(string name, GgmlType type, long ne0, long ne1 = 1) => new(name, type, 0, ne0, ne1);

    /// <summary>Random bytes of a tensor, of sensible size whatever the type.</summary>
    public static byte[] Data(Tensor tensor)
    {
        var random = new Random(tensor.Name.Sum(c => c));
        var data = new byte[tensor.Bytes];
        int block = GgmlTypes.Get(tensor.Type).BlockBytes;
        float size = 1 / MathF.Sqrt(tensor.Ne0);
        if (tensor.Type is not (GgmlType.F32 or GgmlType.F16 or GgmlType.BF16)) random.NextBytes(data);
        for (int i = 0; i < data.Length; i += block)
        {
            float value = tensor.Name.Contains("norm", StringComparison.Ordinal) ? 1 : (random.NextSingle() - 0.5f) * 4 * size;
            switch (tensor.Type)
            {
                case GgmlType.F32: BitConverter.TryWriteBytes(data.AsSpan(i), value); break;
                case GgmlType.F16: BitConverter.TryWriteBytes(data.AsSpan(i), HalfFloat.FromSingle(value)); break;
                case GgmlType.BF16: BitConverter.TryWriteBytes(data.AsSpan(i), (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)); break;
                case GgmlType.Q8_0: BitConverter.TryWriteBytes(data.AsSpan(i), HalfFloat.FromSingle(size / 64)); break;
                case GgmlType.Q4_K:
                    BitConverter.TryWriteBytes(data.AsSpan(i), HalfFloat.FromSingle(size / 256));
                    BitConverter.TryWriteBytes(data.AsSpan(i + 2), HalfFloat.FromSingle(size / 32));
                    break;
                default: SetScales(tensor.Type, data.AsSpan(i, block), size); break;
            }
        }
        return data;
    }

    // Scales with which a block's values are of a size.
    private static void SetScales(GgmlType type, Span<byte> block, float size)
    {
        if (type == GgmlType.NVFP4)
        {
            for (int i = 0; i < 4; i++) block[i] &= 0x1f;
            return;
        }
        BlockScales.Set(type, block, () => BitConverter.HalfToUInt16Bits((Half)1));
        float[] values = DequantizeTests.Dequantize(type, block);
        float root = MathF.Sqrt(values.Sum(value => value * value) / values.Length);
        BlockScales.Set(type, block, () => HalfFloat.FromSingle(size / root));
    }
}
