using System.Runtime.InteropServices;
using System.Text;
using Edge.Llm.Conversion;

namespace Edge.Llm.Tests.Support;

/// <summary>A BERT in ONNX form (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) as a GGUF file. Matrices have lost their names there: each is
/// known by the bias that is added to its product.</summary>
internal sealed class OnnxModel
{
    private readonly Dictionary<string, (long[] Shape, float[] Values)> _tensors = [];
    private readonly List<(string Operator, string[] Inputs, string Output)> _nodes = [];

    /// <summary>Reads a file.</summary>
    public OnnxModel(string path)
    {
        var model = new ProtobufReader(path, File.ReadAllBytes(path));
        while (model.Next())
            if (model.Is(7, ProtobufReader.Bytes)) ReadGraph(model.Message());
    }

    /// <summary>Writes it, with the tokens of its vocab.txt.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="vocabulary">A token a line; a word's continuations begin with ##.</param>
    /// <param name="heads">Heads of attention.</param>
    /// <param name="pooling">pooling_type.</param>
    public void WriteGguf(string path, string[] vocabulary, int heads, int pooling)
    {
        var writer = new GgufWriter();
        var data = new Dictionary<string, float[]>();
        void Add(string name, float[] values, params long[] shape)
        {
            writer.AddTensor(name, GgmlType.F32, shape);
            data.Add(name, values);
        }
        void AddVector(string name, string source) => Add(name, _tensors[source].Values, _tensors[source].Shape[^1]);
        void AddRows(string name, string source) => Add(name, _tensors[source].Values, _tensors[source].Shape[1], _tensors[source].Shape[0]);
        void AddLinear(string name, string source)
        {
            (long[] shape, float[] values) = MatrixBefore(source + ".bias");
            Add(name + ".weight", Transposed(shape, values), shape[0], shape[1]);
            AddVector(name + ".bias", source + ".bias");
        }
        void AddNorm(string name, string source)
        {
            AddVector(name + ".weight", source + ".weight");
            AddVector(name + ".bias", source + ".bias");
        }

        AddRows("token_embd.weight", "embeddings.word_embeddings.weight");
        AddRows("position_embd.weight", "embeddings.position_embeddings.weight");
        AddRows("token_types.weight", "embeddings.token_type_embeddings.weight");
        AddNorm("token_embd_norm", "embeddings.LayerNorm");
        int layers = 0;
        for (; _tensors.ContainsKey($"encoder.layer.{layers}.output.dense.bias"); layers++)
        {
            (string blk, string layer) = ($"blk.{layers}.", $"encoder.layer.{layers}.");
            AddLinear(blk + "attn_q", layer + "attention.self.query");
            AddLinear(blk + "attn_k", layer + "attention.self.key");
            AddLinear(blk + "attn_v", layer + "attention.self.value");
            AddLinear(blk + "attn_output", layer + "attention.output.dense");
            AddNorm(blk + "attn_output_norm", layer + "attention.output.LayerNorm");
            AddLinear(blk + "ffn_up", layer + "intermediate.dense");
            AddLinear(blk + "ffn_down", layer + "output.dense");
            AddNorm(blk + "layer_output_norm", layer + "output.LayerNorm");
        }

        writer.AddMetadata("general.architecture", "bert");
        writer.AddMetadata("bert.context_length", (int)_tensors["embeddings.position_embeddings.weight"].Shape[0]);
        writer.AddMetadata("bert.embedding_length", (int)_tensors["embeddings.word_embeddings.weight"].Shape[1]);
        writer.AddMetadata("bert.feed_forward_length", (int)_tensors["encoder.layer.0.intermediate.dense.bias"].Shape[0]);
        writer.AddMetadata("bert.block_count", layers);
        writer.AddMetadata("bert.attention.head_count", heads);
        writer.AddMetadata("bert.attention.layer_norm_epsilon", 1e-12f);
        writer.AddMetadata("bert.attention.causal", false);
        writer.AddMetadata("bert.pooling_type", pooling);
        writer.AddMetadata("tokenizer.ggml.model", "bert");
        writer.AddMetadata("tokenizer.ggml.pre", "default");
        writer.AddMetadata("tokenizer.ggml.token_type_count", 2);
        writer.AddMetadata("tokenizer.ggml.tokens", Array.ConvertAll(vocabulary, Piece));
        writer.AddMetadata("tokenizer.ggml.token_type", Array.ConvertAll(vocabulary, token => IsSpecial(token) ? 3 : 1));
        foreach ((string key, string token) in ((string, string)[])[
            ("bos", "[CLS]"), ("eos", "[SEP]"), ("seperator", "[SEP]"), ("unknown", "[UNK]"), ("padding", "[PAD]"), ("mask", "[MASK]")])
            writer.AddMetadata($"tokenizer.ggml.{key}_token_id", (uint)Array.IndexOf(vocabulary, token));
        using FileStream output = File.Create(path);
        writer.WriteTo(output, (tensor, stream) => stream.Write(MemoryMarshal.AsBytes<float>(data[tensor.Name])));
    }

    private static bool IsSpecial(string token) => token is ['[', .., ']'] && token.Length > 2;

    private static string Piece(string token) => IsSpecial(token) ? token : token.StartsWith("##", StringComparison.Ordinal) ? token[2..] : "\u2581" + token;

    private (long[] Shape, float[] Values) MatrixBefore(string bias)
    {
        string[] sum = _nodes.Single(node => node.Operator == "Add" && node.Inputs.Contains(bias)).Inputs;
        string product = sum.Single(input => input != bias);
        return _tensors[_nodes.Single(node => node.Output == product).Inputs[1]];
    }

    private static float[] Transposed(long[] shape, float[] values)
    {
        var result = new float[values.Length];
        (long rows, long columns) = (shape[0], shape[1]);
        for (long row = 0; row < rows; row++)
            for (long column = 0; column < columns; column++) result[(column * rows) + row] = values[(row * columns) + column];
        return result;
    }

    private void ReadGraph(ProtobufReader graph)
    {
        while (graph.Next())
        {
            if (graph.Is(1, ProtobufReader.Bytes)) ReadNode(graph.Message());
            else if (graph.Is(5, ProtobufReader.Bytes)) ReadTensor(graph.Message());
        }
    }

    private void ReadNode(ProtobufReader node)
    {
        var inputs = new List<string>();
        string output = "", type = "";
        while (node.Next())
        {
            if (node.Is(1, ProtobufReader.Bytes)) inputs.Add(Encoding.UTF8.GetString(node.Span));
            else if (node.Is(2, ProtobufReader.Bytes)) output = Encoding.UTF8.GetString(node.Span);
            else if (node.Is(4, ProtobufReader.Bytes)) type = Encoding.UTF8.GetString(node.Span);
        }
        _nodes.Add((type, [.. inputs], output));
    }

    private void ReadTensor(ProtobufReader tensor)
    {
        const ulong Float = 1;
        var shape = new List<long>();
        string name = "";
        ulong type = 0;
        float[] values = [];
        while (tensor.Next())
        {
            if (tensor.Is(1, ProtobufReader.Varint)) shape.Add((long)tensor.Number);
            else if (tensor.Is(1, ProtobufReader.Bytes)) ReadPacked(tensor, shape);
            else if (tensor.Is(2, ProtobufReader.Varint)) type = tensor.Number;
            else if (tensor.Is(8, ProtobufReader.Bytes)) name = Encoding.UTF8.GetString(tensor.Span);
            else if (tensor.Is(9, ProtobufReader.Bytes) && type == Float) values = MemoryMarshal.Cast<byte, float>(tensor.Span).ToArray();
        }
        _tensors[name] = ([.. shape], values);
    }

    private static void ReadPacked(ProtobufReader tensor, List<long> numbers)
    {
        long number = 0;
        int shift = 0;
        foreach (byte part in tensor.Span)
        {
            number |= (long)(part & 0x7f) << shift;
            shift += 7;
            if (part >= 0x80) continue;
            numbers.Add(number);
            (number, shift) = (0, 0);
        }
    }
}
