using System.Globalization;
using System.Security.Cryptography;
using Edge.Llm.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Kernels;

/// <summary>Every format's scalar Dequantize gives the bits that llama.cpp gives, for pseudo-random blocks in which every codebook index,
/// sign pattern and sub-scale occurs: hashes of its values are in tests/data/dequantize.txt.</summary>
[TestClass]
public sealed unsafe class DequantizeTests
{
    [TestMethod]
    public void ValuesAreLlamaCpps()
    {
        var missing = KernelTable.Formats.Select(format => format.Type).Except([GgmlType.F32, GgmlType.F16, GgmlType.BF16, GgmlType.Q8_1]).ToHashSet();
        foreach (string line in File.ReadLines(Path.Combine(RepositoryFiles.Root(), "tests", "data", "dequantize.txt")).Where(line => line[0] != '#'))
        {
            string[] words = line.Split(' ');
            Assert.IsTrue(GgmlTypes.TryParse(words[0], out GgmlTypeInfo? info));
            float[] values = Dequantize(info.Type, Blocks(info, int.Parse(words[1], CultureInfo.InvariantCulture)));
            Assert.AreEqual(words[2], Convert.ToHexStringLower(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values))), info.Name);
            missing.Remove(info.Type);
        }
        Assert.IsEmpty(missing, string.Join(' ', missing));
    }

    [TestMethod]
    public void Q8_1IsItsScaleTimesItsValues()
    {
        byte[] block = new byte[Q8_1.Bytes];
        BitConverter.TryWriteBytes(block, (Half)0.5f);
        BitConverter.TryWriteBytes(block.AsSpan(2), (Half)77);
        for (int i = 0; i < 32; i++) block[4 + i] = (byte)(8 * i - 128);
        CollectionAssert.AreEqual(Enumerable.Range(0, 32).Select(i => 4f * i - 64).ToArray(), Dequantize(GgmlType.Q8_1, block));
    }

    internal static float[] Dequantize(GgmlType type, ReadOnlySpan<byte> blocks)
    {
        GgmlTypeInfo info = GgmlTypes.Get(type);
        FormatRow format = KernelTable.FindFormat(type)!;
        var values = new float[blocks.Length / info.BlockBytes * info.BlockLength];
        fixed (byte* from = blocks)
        fixed (float* to = values)
            for (int i = 0; i < blocks.Length / info.BlockBytes; i++) format.Dequantize(from + (i * info.BlockBytes), to + (i * info.BlockLength));
        return values;
    }

    /// <summary>The bytes that tools/ggml-formats.py makes too.</summary>
    internal static byte[] Blocks(GgmlTypeInfo info, int count)
    {
        var bytes = new byte[count * info.BlockBytes];
        ulong state = (ulong)info.BlockLength;
        for (int i = 0; i < bytes.Length; i++)
        {
            state = state * 6364136223846793005 + 1442695040888963407;
            bytes[i] = (byte)(state >> 56);
        }
        // With the highest bit of its exponent clear, a scale is finite. One-byte scales are finite as they are.
        for (int at = 0; at < bytes.Length; at += info.BlockBytes)
            foreach (GgufVerifier.FloatField field in GgufVerifier.Fields(info.Type).Where(field => field.Width > 1))
                bytes[at + field.Offset + field.Width - 1] &= 0xbf;
        return bytes;
    }
}
