using System.Text;

namespace Edge.Llm.Tests.Support;

/// <summary>Small GGUF files for tests: whole ones through the writer, broken ones piece by piece.</summary>
internal static class SampleGguf
{
    /// <summary>Every metadata type and several tensor types, in a few KB.</summary>
    public static GgufWriter Writer(uint alignment = 32, uint version = 3)
    {
        var writer = new GgufWriter(alignment, version);
        writer.AddMetadata("general.architecture", "llama");
        writer.AddMetadata("k.uint8", (byte)200);
        writer.AddMetadata("k.int8", (sbyte)-100);
        writer.AddMetadata("k.uint16", (ushort)60000);
        writer.AddMetadata("k.int16", (short)-30000);
        writer.AddMetadata("k.uint32", 4000000000u);
        writer.AddMetadata("k.int32", -2000000000);
        writer.AddMetadata("k.uint64", ulong.MaxValue);
        writer.AddMetadata("k.int64", long.MinValue);
        writer.AddMetadata("k.float32", 0.25f);
        writer.AddMetadata("k.float64", 1e300);
        writer.AddMetadata("k.bool", true);
        writer.AddMetadata("k.string", "grüße, 世界");
        writer.AddMetadata("tokenizer.ggml.tokens", ["<unk>", "", "▁the", "ing"]);
        writer.AddMetadata("a.float32", [0f, -1.5f, float.PositiveInfinity]);
        writer.AddMetadata("a.int32", [1, -2, 3]);
        writer.AddMetadata("a.uint16", new ushort[] { 5, 65535 });
        writer.AddMetadata("a.bool", [true, false, true]);
        writer.AddMetadata("a.empty", Array.Empty<int>());
        writer.AddMetadata("a.nested", new int[][] { [1, 2], [], [3] });
        writer.AddTensor("token_embd.weight", GgmlType.F32, 32, 4);
        writer.AddTensor("blk.0.attn_q.weight", GgmlType.Q4_0, 32, 3);
        writer.AddTensor("blk.0.attn_k.weight", GgmlType.Q4_K, 256, 2);
        writer.AddTensor("blk.0.ffn_up_exps.weight", GgmlType.Q8_0, 64, 2, 3);
        writer.AddTensor("blk.0.norm.weight", GgmlType.F16, 5);
        return writer;
    }

    /// <summary>The bytes of <see cref="Writer"/>'s file, tensor data by <see cref="Data"/>.</summary>
    public static byte[] Bytes(uint alignment = 32, uint version = 3) => Bytes(Writer(alignment, version));

    public static byte[] Bytes(GgufWriter writer)
    {
        using var stream = new MemoryStream();
        writer.WriteTo(stream, (tensor, output) => output.Write(Data(tensor)));
        return stream.ToArray();
    }

    /// <summary>Tensor data that differ by name: no byte is 0x7c, so no half is infinite.</summary>
    public static byte[] Data(Tensor tensor)
    {
        var data = new byte[tensor.Bytes];
        for (int i = 0; i < data.Length; i++) data[i] = (byte)((i + tensor.Name.Length) % 100);
        return data;
    }

    /// <summary>A tensor's bytes in an open file.</summary>
    public static unsafe byte[] Stored(Tensor tensor) => new ReadOnlySpan<byte>(tensor.Pointer, (int)tensor.Bytes).ToArray();

    /// <summary>A file from pieces: uint and ulong as such, strings with their length, byte arrays as they are.</summary>
    public static byte[] Raw(params object[] pieces)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        foreach (object piece in pieces)
        {
            if (piece is uint u32) writer.Write(u32);
            else if (piece is ulong u64) writer.Write(u64);
            else if (piece is byte[] bytes) writer.Write(bytes);
            else
            {
                byte[] utf8 = Encoding.UTF8.GetBytes((string)piece);
                writer.Write((ulong)utf8.Length);
                writer.Write(utf8);
            }
        }
        writer.Flush();
        return stream.ToArray();
    }

    /// <summary>The header of a version 3 file, then pieces as in <see cref="Raw"/>.</summary>
    public static byte[] RawFile(ulong tensors, ulong keys, params object[] pieces) =>
        Raw(["GGUF"u8.ToArray(), 3u, tensors, keys, .. pieces]);
}
