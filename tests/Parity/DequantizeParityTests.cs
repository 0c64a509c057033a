using System.Runtime.InteropServices;
using Edge.Llm.Kernels;
using Edge.Llm.Tests.Kernels;
using Edge.Llm.Tests.Support;

namespace Edge.Llm.Tests.Parity;

/// <summary>Random blocks of every format, dequantized here and by llama.cpp: the same bits.</summary>
[TestClass]
public sealed class DequantizeParityTests
{
    [TestMethod]
    public void ValuesAreTheSameBits()
    {
        foreach (FormatRow format in KernelTable.Formats.Where(f => f.Type is not (GgmlType.F32 or GgmlType.F16 or GgmlType.BF16 or GgmlType.Q8_1)))
        {
            byte[] blocks = DequantizeTests.Blocks(GgmlTypes.Get(format.Type), 16384 / GgmlTypes.Get(format.Type).BlockLength);
            float[] expected = Peer.Dequantize(format.Type, blocks), found = DequantizeTests.Dequantize(format.Type, blocks);
            int same = MemoryMarshal.AsBytes<float>(expected).CommonPrefixLength(MemoryMarshal.AsBytes<float>(found)) / sizeof(float);
            Assert.AreEqual(expected.Length, same, $"{format.Type}: value {same} is {found.ElementAtOrDefault(same):r}, not {expected.ElementAtOrDefault(same):r}");
        }
    }
}
