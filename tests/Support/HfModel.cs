using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using System.Text.Json;
using System.Text;
using Edge.Llm.Kernels;
using Edge.Llm.Tests.Conversion;
using Edge.Llm.Tokenization;

namespace Edge.Llm.Tests.Support;

/// <summary>A small model with random weights as Hugging Face stores it: config.json, safetensors, a tokenizer. Its folder is deleted with it.</summary>
internal sealed class HfModel : IDisposable
{
    public const int Hidden = 48, Heads = 4, HeadsKv = 2, Intermediate = 96, Layers = 2, Vocab = 300;

    private readonly List<Stored> _tensors = [];

    /// <summary>A tensor: its values, or none of them and bytes; or values that are not written, for what a model computes with.</summary>
    private sealed record Stored(string Name, int[] Shape, float[] Values, byte[]? Bytes = null, bool IsWritten = true);

    /// <summary>Makes the weights, rounded to the type they will be stored in: F32, F16 or BF16.</summary>
    public HfModel(string modelType, string dtype = "F32", bool tied = false, int headDim = 16, int vocab = Vocab, int layers = Layers, int hidden = Hidden)
    {
        LayerCount = layers;
        Width = hidden;
        DType = dtype;
        HeadDim = headDim;
        Config = new JsonObject
        {
            ["architectures"] = new JsonArray("AnyForCausalLM"), ["model_type"] = modelType, ["hidden_size"] = hidden, ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = HeadsKv, ["head_dim"] = headDim, ["intermediate_size"] = Intermediate, ["num_hidden_layers"] = layers,
            ["max_position_embeddings"] = 256, ["rms_norm_eps"] = 1e-5, ["rope_theta"] = 10000.0, ["hidden_act"] = "silu", ["vocab_size"] = vocab,
            ["tie_word_embeddings"] = tied, ["bos_token_id"] = 1, ["eos_token_id"] = new JsonArray(2, 0),
        };
        Add("model.embed_tokens.weight", vocab, hidden);
        for (int i = 0; i < layers; i++)
        {
            string p = $"model.layers.{i}.";
            Add(p + "input_layernorm.weight", hidden);
            foreach ((string name, int outputs) in ((string, int)[])[("q", Heads * headDim), ("k", HeadsKv * headDim), ("v", HeadsKv * headDim)])
            {
                Add($"{p}self_attn.{name}_proj.weight", outputs, hidden);
                if (modelType == "qwen2") Add($"{p}self_attn.{name}_proj.bias", outputs);
                if (modelType is "qwen3" or "qwen3_moe" && name != "v") Add($"{p}self_attn.{name}_norm.weight", headDim);
            }
            Add(p + "self_attn.o_proj.weight", hidden, Heads * headDim);
            Add(p + "post_attention_layernorm.weight", hidden);
            Add(p + "mlp.gate_proj.weight", Intermediate, hidden);
            Add(p + "mlp.up_proj.weight", Intermediate, hidden);
            Add(p + "mlp.down_proj.weight", hidden, Intermediate);
        }
        Add("model.norm.weight", hidden);
        if (!tied) Add("lm_head.weight", vocab, hidden);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("edge-llm-hf").FullName;

    public JsonObject Config { get; }

    public string DType { get; }

    public int HeadDim { get; }

    public int LayerCount { get; }

    public int Width { get; }

    public IEnumerable<string> Names => _tensors.Select(tensor => tensor.Name);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>A tensor's values, or null.</summary>
    public float[]? Find(string name) => _tensors.FirstOrDefault(tensor => tensor.Name == name)?.Values;

    /// <summary>Adds a tensor.</summary>
    public void Add(string name, params int[] shape)
    {
        var random = new Random(name.Aggregate(7, (hash, c) => unchecked((hash * 31) + c)));
        float size = name.Contains("norm", StringComparison.Ordinal) ? 0.2f : 2 / MathF.Sqrt(shape[^1]), middle = name.Contains("norm.", StringComparison.Ordinal) || name.Contains("layernorm", StringComparison.Ordinal) ? 1 : 0;
        float[] values = [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => Round(middle + ((random.NextSingle() - 0.5f) * 2 * size)))];
        _tensors.Add(new Stored(name, shape, values));
    }

    /// <summary>Adds a tensor of bytes.</summary>
    public void AddBytes(string name, byte[] bytes, params int[] shape) => _tensors.Add(new Stored(name, shape, [], bytes));

    /// <summary>Adds values that the model computes with, and that are not written.</summary>
    public void AddUnwritten(string name, float[] values) => _tensors.Add(new Stored(name, [values.Length], values, IsWritten: false));

    public void Rename(Func<string, string> change)
    {
        for (int i = 0; i < _tensors.Count; i++) _tensors[i] = _tensors[i] with { Name = change(_tensors[i].Name) };
    }

    public void Remove(string name) => _tensors.RemoveAll(tensor => tensor.Name == name);

    /// <summary>Writes config.json, the tensors in one file or several, and a small byte-level tokenizer unless there is one.</summary>
    public HfModel Write(int shards = 1)
    {
        Write("config.json", Config);
        if (!File.Exists(In("tokenizer.json")) && !File.Exists(In("tokenizer.model"))) WriteByteLevel();
        if (shards == 1)
        {
            File.WriteAllBytes(In("model.safetensors"), Safetensors([.. _tensors.Where(tensor => tensor.IsWritten)]));
            return this;
        }
        var map = new JsonObject();
        for (int i = 0; i < shards; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards:D5}.safetensors");
            var part = _tensors.Where((_, index) => index % shards == i).ToList();
            File.WriteAllBytes(In(name), Safetensors(part));
            foreach (Stored tensor in part) map[tensor.Name] = name;
        }
        Write("model.safetensors.index.json", new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map });
        return this;
    }

    public void Write(string name, JsonNode json) => File.WriteAllText(In(name), json.ToJsonString());

    public string In(string name) => Path.Combine(Folder, name);

    /// <summary>A byte-level tokenizer: the bytes, a merge, three special tokens.</summary>
    private void WriteByteLevel()
    {
        var vocab = new JsonObject { ["<|endoftext|>"] = 0, ["<s>"] = 1, ["</s>"] = 2 };
        Span<byte> spelling = stackalloc byte[2];
        for (int value = 0; value < 256; value++) vocab[Encoding.UTF8.GetString(spelling[..ByteLevel.Spell((byte)value, spelling)])] = 3 + value;
        vocab["he"] = 259;
        JsonObject tokenizer = TokenizerFiles.ByteLevel(vocab, ["h e"], TokenizerFiles.Qwen2Split,
            [(0, "<|endoftext|>", true), (1, "<s>", true), (2, "</s>", true), (260, "<think>", false)]);
        tokenizer["post_processor"] = TokenizerFiles.Template("<s>", 1);
        Write("tokenizer.json", tokenizer);
        Write("tokenizer_config.json", new JsonObject { ["bos_token"] = "<s>", ["eos_token"] = new JsonObject { ["content"] = "</s>" }, ["add_bos_token"] = true });
    }

    private byte[] Safetensors(List<Stored> tensors)
    {
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        using var data = new MemoryStream();
        foreach ((string name, int[] shape, float[] values, byte[]? bytes, _) in tensors)
        {
            long begin = data.Length;
            data.Write(bytes ?? Encode(values));
            header[name] = new JsonObject
            {
                ["dtype"] = bytes is null ? DType : "U8", ["shape"] = new JsonArray([.. shape.Select(n => (JsonNode)n)]), ["data_offsets"] = new JsonArray(begin, data.Length),
            };
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        return [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. data.ToArray()];
    }

    /// <summary>The bytes of values in the model's type.</summary>
    public byte[] Encode(float[] values) => DType switch
    {
        "F16" => MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, HalfFloat.FromSingle)).ToArray(),
        "BF16" => MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))).ToArray(),
        _ => MemoryMarshal.AsBytes<float>(values).ToArray(),
    };

    private float Round(float value) => DType switch
    {
        "F16" => HalfFloat.ToSingle(HalfFloat.FromSingle(value)),
        "BF16" => HalfFloat.FromBFloat16((ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)),
        _ => value,
    };
}
