using System.Runtime.InteropServices;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Gguf;

[TestClass]
public sealed class GgufVerifierTests
{
    /// <summary>Bytes of a block that make each of its floats infinite: type, then offsets and little-endian bytes.</summary>
    private static readonly (GgmlType Type, int Offset, byte[] Infinity)[] s_floats =
    [
        (GgmlType.F16, 0, [0, 0x7c]), (GgmlType.BF16, 0, [0x80, 0x7f]), (GgmlType.F32, 0, [0, 0, 0x80, 0x7f]), (GgmlType.F64, 0, [0, 0, 0, 0, 0, 0, 0xf0, 0x7f]),
        (GgmlType.Q4_0, 0, [0, 0xfc]), (GgmlType.Q4_1, 0, [1, 0x7c]), (GgmlType.Q4_1, 2, [0, 0x7c]), (GgmlType.Q5_1, 2, [0, 0x7c]),
        (GgmlType.Q2_K, 80, [0, 0x7c]), (GgmlType.Q2_K, 82, [0, 0x7c]), (GgmlType.Q3_K, 108, [0, 0x7c]), (GgmlType.Q4_K, 2, [0, 0x7c]),
        (GgmlType.Q6_K, 208, [0, 0x7c]), (GgmlType.Q8_K, 0, [0, 0, 0x80, 0xff]), (GgmlType.TQ1_0, 52, [0, 0x7c]), (GgmlType.TQ2_0, 64, [0, 0x7c]),
        (GgmlType.Q1_0, 0, [0, 0x7c]), (GgmlType.Q2_0, 0, [0, 0x7c]), (GgmlType.IQ2_S, 0, [0, 0x7c]), (GgmlType.IQ4_XS, 0, [0, 0x7c]),
        // one byte each, which stands for NaN
        (GgmlType.MXFP4, 0, [0xff]), (GgmlType.NVFP4, 0, [0x7f]), (GgmlType.NVFP4, 3, [0xff]),
        // 0x7c00 a nibble at a time, the lowest first, in the top nibbles of four words
        (GgmlType.IQ1_M, 48, [0xff, 0x0f, 0xff, 0x0f, 0xff, 0xcf, 0xff, 0x7f]),
    ];

    [TestMethod]
    public void NonFiniteScalesAreCounted()
    {
        foreach ((GgmlType type, int offset, byte[] infinity) in s_floats)
        {
            GgmlTypeInfo info = GgmlTypes.Get(type);
            byte[] data = new byte[3 * info.BlockBytes];
            Assert.AreEqual(0, CheckBytes(type, data).NonFinite, info.Name);
            infinity.CopyTo(data, info.BlockBytes + offset);
            Assert.AreEqual(1, CheckBytes(type, data).NonFinite, info.Name);
            // One exponent bit less and the value is finite.
            data[info.BlockBytes + offset + infinity.Length - 1] ^= 0x40;
            Assert.AreEqual(0, CheckBytes(type, data).NonFinite, info.Name);
        }
    }

    [TestMethod]
    public void ScalesLieInsideEveryBlock()
    {
        foreach (GgmlTypeInfo info in GgmlTypes.All)
        {
            byte[] ones = new byte[info.BlockBytes];
            ones.AsSpan().Fill(0xff);
            bool hasFloats = info.Type is not (GgmlType.I8 or GgmlType.I16 or GgmlType.I32 or GgmlType.I64);
            Assert.AreEqual(hasFloats, CheckBytes(info.Type, ones).NonFinite > 0, info.Name);
        }
    }

    [TestMethod]
    public void AChangedByteChangesTheHashOfItsTensorOnly()
    {
        byte[] bytes = SampleGguf.Bytes();
        using GgufFile before = GgufFile.Open(bytes);
        bytes[^32] ^= 1; // the first byte of the last tensor: 10 bytes, padded to 32
        using GgufFile after = GgufFile.Open(bytes);
        ulong[] was = GgufVerifier.Check(before).Select(check => check.Hash).ToArray();
        ulong[] now = GgufVerifier.Check(after).Select(check => check.Hash).ToArray();
        CollectionAssert.AreEqual(was[..^1], now[..^1]);
        Assert.AreNotEqual(was[^1], now[^1]);
    }

    private static TensorCheck CheckBytes(GgmlType type, byte[] data)
    {
        GCHandle pin = GCHandle.Alloc(data, GCHandleType.Pinned);
        try
        {
            GgmlTypeInfo info = GgmlTypes.Get(type);
            return GgufVerifier.Check(new Tensor("t", type, pin.AddrOfPinnedObject(), data.Length / info.BlockBytes * info.BlockLength));
        }
        finally
        {
            pin.Free();
        }
    }
}
