using System.IO.Hashing;
using System.Runtime.InteropServices;
using Edge.Llm.Models.Architectures;

namespace Edge.Llm.Models;

/// <summary>Tells models apart without reading them whole: the architecture's keys, the directory of tensors, and some bytes of each.</summary>
internal static unsafe class ModelFingerprint
{
    // Norms are mostly read whole; of a matrix, enough that a fine-tuned model differs from its origin.
    private const int SampleBytes = 4096;

    /// <summary>XxHash3 of what decides the keys and values that a model computes.</summary>
    public static ulong Of(GgufFile file, string architecture, RopeOverride rope)
    {
        var hash = new XxHash3();
        foreach (Tensor tensor in file.Tensors)
        {
            hash.Append(MemoryMarshal.AsBytes(tensor.Name.AsSpan()));
            Append(hash, (long)tensor.Type, tensor.Ne0, tensor.Ne1, tensor.Ne2, tensor.Ne3);
            hash.Append(new ReadOnlySpan<byte>(tensor.Pointer, (int)Math.Min(tensor.Bytes, SampleBytes)));
        }
        foreach ((string key, GgufValue value) in file.Metadata)
        {
            if (!key.StartsWith(architecture + ".", StringComparison.Ordinal)) continue;
            hash.Append(MemoryMarshal.AsBytes(key.AsSpan()));
            hash.Append(value.Raw());
        }
        Append(hash, BitConverter.SingleToInt32Bits(rope.FreqBase ?? 0), BitConverter.SingleToInt32Bits(rope.FreqScale ?? 0));
        return hash.GetCurrentHashAsUInt64();
    }

    private static void Append(XxHash3 hash, params ReadOnlySpan<long> numbers) => hash.Append(MemoryMarshal.AsBytes(numbers));
}
