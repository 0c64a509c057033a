using System.IO.Hashing;
using Edge.Llm.Gguf;
using Edge.Llm.Models.Architectures;

namespace Edge.Llm.Models;

/// <summary>Tells models apart without reading them whole: the architecture's keys, the directory of tensors, and some bytes of each.</summary>
internal static class ModelFingerprint
{
    /// <summary>XxHash3 of what decides the keys and values that a model computes.</summary>
    public static ulong Of(GgufFile file, string architecture, RopeOverride rope)
    {
        var hash = new XxHash3();
        FileFingerprint.Append(hash, file, architecture + ".");
        FileFingerprint.Append(hash, BitConverter.SingleToInt32Bits(rope.FreqBase ?? 0), BitConverter.SingleToInt32Bits(rope.FreqScale ?? 0));
        return hash.GetCurrentHashAsUInt64();
    }
}
