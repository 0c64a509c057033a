using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Edge.Llm.Gguf;

/// <summary>Tells files apart without reading them whole.</summary>
internal static unsafe class FileFingerprint
{
    // Norms are mostly read whole; of a matrix, enough that a fine-tuned one differs from its origin.
    private const int SampleBytes = 4096;

    /// <summary>Appends the directory of tensors, some bytes of each, and the keys that begin with a prefix.</summary>
    public static void Append(XxHash3 hash, GgufFile file, string keyPrefix)
    {
        foreach (Tensor tensor in file.Tensors)
        {
            hash.Append(MemoryMarshal.AsBytes(tensor.Name.AsSpan()));
            Append(hash, (long)tensor.Type, tensor.Ne0, tensor.Ne1, tensor.Ne2, tensor.Ne3);
            hash.Append(new ReadOnlySpan<byte>(tensor.Pointer, (int)Math.Min(tensor.Bytes, SampleBytes)));
        }
        foreach ((string key, GgufValue value) in file.Metadata)
        {
            if (!key.StartsWith(keyPrefix, StringComparison.Ordinal)) continue;
            hash.Append(MemoryMarshal.AsBytes(key.AsSpan()));
            hash.Append(value.Raw());
        }
    }

    /// <summary>Appends numbers.</summary>
    public static void Append(XxHash3 hash, params ReadOnlySpan<long> numbers) => hash.Append(MemoryMarshal.AsBytes(numbers));
}
