using System.Runtime.InteropServices;
using Edge.Llm.Kernels;

namespace Edge.Llm.Tests.Support;

/// <summary>Adapters with random values for small models, and models with an adapter merged into their weights.</summary>
internal static unsafe class AdapterFile
{
    public const string TokenTable = "token_embd.weight";

    /// <summary>The bytes of an adapter's file.</summary>
    /// <param name="model">The model that it is for.</param>
    /// <param name="rank">Its rank.</param>
    /// <param name="alpha">adapter.lora.alpha.</param>
    /// <param name="seed">Makes other values.</param>
    /// <param name="type">Type of its tensors; blocks that a row cannot be cut into are F32.</param>
    /// <param name="which">The tensors that it adds to; null: all matrices.</param>
    /// <param name="keys">Adds or replaces keys.</param>
    public static byte[] Make(
        LanguageModel model, int rank = 4, float alpha = 8, int seed = 1, GgmlType type = GgmlType.F32, Func<string, bool>? which = null,
        Action<Dictionary<string, object>>? keys = null)
    {
        var metadata = new Dictionary<string, object>
        {
            ["general.type"] = "adapter", ["adapter.type"] = "lora", ["general.architecture"] = model.Architecture, ["adapter.lora.alpha"] = alpha,
        };
        keys?.Invoke(metadata);
        var tensors = new List<Tensor>();
        foreach ((string name, Tensor weight) in model.Spec.Matrices.Where(entry => which?.Invoke(entry.Key) ?? true))
        {
            bool table = name == TokenTable;
            tensors.Add(Of(name + ".lora_a", type, table ? rank : weight.Ne0, table ? weight.Ne1 : rank, weight.Ne2));
            tensors.Add(Of(name + ".lora_b", type, rank, table ? weight.Ne0 : weight.Ne1, weight.Ne2));
        }
        return Write(metadata, tensors, tensor => TinyModel.Data(tensor with { Name = $"{tensor.Name}{seed}" }));
    }

    /// <summary>A file of these keys and tensors.</summary>
    public static byte[] Write(Dictionary<string, object> metadata, IEnumerable<Tensor> tensors, Func<Tensor, byte[]> data)
    {
        var writer = new GgufWriter();
        foreach ((string key, object value) in metadata)
        {
            if (value is string text) writer.AddMetadata(key, text);
            else if (value is int[] array) writer.AddMetadata(key, array);
            else writer.AddMetadata(key, (float)value);
        }
        foreach (Tensor tensor in tensors) writer.AddTensor(tensor.Name, tensor.Type, tensor.Ne0, tensor.Ne1, tensor.Ne2);
        using var stream = new MemoryStream();
        writer.WriteTo(stream, (tensor, output) => output.Write(data(tensor)));
        return stream.ToArray();
    }

    /// <summary>The adapter with all values as F32.</summary>
    public static byte[] ToF32(byte[] adapter)
    {
        using GgufFile file = GgufFile.Open(adapter);
        return Rewrite(file, tensor => Floats(file.GetTensor(tensor.Name)), untied: false);
    }

    /// <summary>The F32 model with scale * alpha / rank * B * A added to its weights.</summary>
    /// <param name="model">The model's file.</param>
    /// <param name="adapter">The adapter's file.</param>
    /// <param name="scale">The scale.</param>
    /// <param name="untied">Keeps the embeddings that serve as output matrix, too, as they are.</param>
    public static byte[] Merge(byte[] model, byte[] adapter, float scale, bool untied = false)
    {
        using GgufFile file = GgufFile.Open(model), lora = GgufFile.Open(adapter);
        float alpha = lora.Metadata.GetFloat("adapter.lora.alpha", 0);
        return Rewrite(file, tensor =>
        {
            Tensor source = file.GetTensor(untied && tensor.Name == "output.weight" ? TokenTable : tensor.Name);
            float[] weights = Floats(source);
            if (!lora.TryGetTensor(tensor.Name + ".lora_a", out Tensor a)) return weights;
            Tensor b = lora.GetTensor(tensor.Name + ".lora_b");
            Add(weights, source, Floats(a), Floats(b), (int)b.Ne0, scale * (alpha == 0 ? 1 : alpha / b.Ne0));
            return weights;
        }, untied);
    }

    private static void Add(float[] weights, Tensor weight, float[] a, float[] b, int rank, float factor)
    {
        (long inputs, long rows) = (weight.Ne0, weight.Ne1);
        bool table = weight.Name == TokenTable;
        for (long i = 0; i < weights.Length; i++)
        {
            (long matrix, long within) = Math.DivRem(i, inputs * rows);
            (long row, long column) = Math.DivRem(within, inputs);
            double sum = 0;
            for (int r = 0; r < rank; r++)
                sum += table ? (double)a[(row * rank) + r] * b[(column * rank) + r]
                    : (double)a[(((matrix * rank) + r) * inputs) + column] * b[(((matrix * rows) + row) * rank) + r];
            weights[i] = (float)(weights[i] + (factor * sum));
        }
    }

    private static byte[] Rewrite(GgufFile file, Func<Tensor, float[]> values, bool untied)
    {
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in file.Metadata) writer.AddMetadata(key, value);
        foreach (Tensor tensor in file.Tensors) writer.AddTensor(tensor, GgmlType.F32);
        if (untied) writer.AddTensor(file.GetTensor(TokenTable) with { Name = "output.weight" }, GgmlType.F32);
        using var stream = new MemoryStream();
        writer.WriteTo(stream, (tensor, output) => output.Write(MemoryMarshal.AsBytes<float>(values(tensor))));
        return stream.ToArray();
    }

    private static Tensor Of(string name, GgmlType type, long ne0, long ne1, long ne2) =>
        new(name, ne0 % GgmlTypes.Get(type).BlockLength == 0 ? type : GgmlType.F32, 0, ne0, ne1, ne2);

    private static float[] Floats(Tensor tensor)
    {
        GgmlTypeInfo info = GgmlTypes.Get(tensor.Type);
        var values = new float[tensor.Elements];
        fixed (float* to = values)
            for (long i = 0; i < values.Length / info.BlockLength; i++)
                KernelTable.FindFormat(tensor.Type)!.Dequantize(tensor.Pointer + (i * info.BlockBytes), to + (i * info.BlockLength));
        return values;
    }
}
